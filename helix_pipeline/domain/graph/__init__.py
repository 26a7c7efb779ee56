"""What events add to the graph: deltas of its counters, labels of its entities, and statements."""
