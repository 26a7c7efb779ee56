"""Which entity a surface stands for: of one surface alone (`resolver`), and of a whole corpus (`merging`)."""
