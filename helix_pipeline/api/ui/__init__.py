"""The page `/ui/graph`: the knowledge graph as a picture, with the messages that are its evidence."""
