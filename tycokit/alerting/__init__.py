"""Telling people: each alert once, with its evidence, by whatever way its rule names."""
