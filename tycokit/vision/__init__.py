"""Pure picture logic: names, detectors, boxes, rules. All that the notebooks import."""
