"""Pipelines: specs, datums, jobs, workers, logs."""
