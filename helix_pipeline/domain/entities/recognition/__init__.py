"""Recognisers: models that find the entities of texts, with the tokens, tags and rules that they share."""
