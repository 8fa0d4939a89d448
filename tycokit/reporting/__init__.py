"""Reports for people: a page a day about threats, and one about use; neither needs a network."""
