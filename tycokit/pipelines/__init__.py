"""Pipeline specs: read, checked, compared with what a pachd has, and those of Pachyderm 1.x."""
