"""Topics over a lake: conversations as documents, and the models that give each document a topic."""
