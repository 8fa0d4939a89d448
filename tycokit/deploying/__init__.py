"""Bring a pachd to what specs and notebooks say: look, plan, show, look again, apply.

`wanted` reads a folder, `present` looks at a pachd, `plan` compares the two and says what is to be
done, `effects` what is processed again by it and why, from how inputs read it (`reading`), `show`
puts that in words, `since` tells what others have changed meanwhile, `apply` does it. `wanted` and
`present` make values; `plan`, `effects`, `reading` and `show` are pure.
"""
