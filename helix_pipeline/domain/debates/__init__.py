"""Debates between models: what happened in each, what judges made of it, and who will win the next."""
