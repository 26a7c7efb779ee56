"""One adapter per role: bus, lake, warehouse, graph, ledger."""
