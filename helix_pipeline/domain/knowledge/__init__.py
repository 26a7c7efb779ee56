"""The knowledge graph as an idea: what can be asked of it, what is answered, and how strong a relation is."""
