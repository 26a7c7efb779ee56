"""The batch jobs of the catalogue, a module each: `run` reads the lake, writes tables, returns what it counted."""
