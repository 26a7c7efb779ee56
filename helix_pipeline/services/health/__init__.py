"""How the system is: the stores asked for real, within a limit, and what follows for each component."""
