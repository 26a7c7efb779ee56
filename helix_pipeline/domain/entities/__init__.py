"""Entities in texts: who finds them, which entity a name stands for, and which occur together."""
