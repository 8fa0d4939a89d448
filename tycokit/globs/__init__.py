"""Pachyderm's glob patterns: what they match, and what is malformed in them. Pure.

Of both sides of the seam: the local pachd lists datums by them, and what tells beforehand what a
pipeline would read asks the same matcher.
"""
