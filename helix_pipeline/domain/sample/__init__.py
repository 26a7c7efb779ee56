"""The bundled corpus: a seeded generator of conversations, debates and provider calls as contract events."""
