"""The knowledge graph as a service: what is related, found, known; and what somebody states. Neo4j, or its snapshot."""
