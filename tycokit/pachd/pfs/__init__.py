"""Repos, branches, commits, files, provenance."""
