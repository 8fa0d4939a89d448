"""Pictures and what was seen in them: commits that belong together, findings, rules tried again."""
