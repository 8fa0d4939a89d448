"""How tycokit's cost grows: each module is a script, `python -m benchmarks.NAME`; `make bench` all.

Figures are ratios within one run; seconds belong to the machine that each script names.
"""
