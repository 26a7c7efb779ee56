"""Entities in texts: the extractor protocol, the gazetteer that ships with the project, and co-occurrence."""
