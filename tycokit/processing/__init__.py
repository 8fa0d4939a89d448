"""Jobs and their datums: listed, followed, looked into, opened and run again."""
