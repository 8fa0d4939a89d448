"""Notebooks as pipeline stages: the papermill engine, the warm executor, the runner."""
