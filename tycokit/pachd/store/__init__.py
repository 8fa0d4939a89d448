"""Bytes and rows on disk; knows nothing of Pachyderm."""
