"""The pages: `/ui` shows how the system is, `/ui/graph` the knowledge graph with the messages that are its evidence."""
