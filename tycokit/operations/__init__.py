"""Watching over what runs: pods, nodes, CPU and memory, and what is wrong with them.

`pods` are the values, `documents` reads them out of Kubernetes' JSON; `cluster` and `machine` are
the two places that they come from, and `sources` finds the one that answers for a client's pachd.
"""
