"""What lies in repos: addresses, branches, commits, files, what differs, and putting files."""
