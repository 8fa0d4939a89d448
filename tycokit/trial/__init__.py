"""A notebook tried by hand: a form of its parameters, a run on chosen files, values for a spec."""
