"""Pictures from a folder into a repo as they arrive: none lost, none twice."""
