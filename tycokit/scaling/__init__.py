"""How many workers a pipeline has, what another number would do, and how to change it.

`choices` are a constant or a coefficient, `nodes` says what a coefficient multiplies, `speed`
measures, `standing` puts a pipeline's present together, `forecast` looks ahead, `change` plans and
applies. All go through a python_pachyderm Client only, so for any pachd.
"""
