"""Records: every picture that came in, and what became of it, in Parquet files by day."""
