"""Bring a pachd to what specs and notebooks say: look, plan, show, apply.

`wanted` reads a folder, `present` looks at a pachd, `plan` compares the two and says what is to be
done, `effects` what is processed again by it and why, `show` puts that in words, `apply` does it.
`wanted` and `present` make values, `plan`, `effects` and `show` are pure.
"""
