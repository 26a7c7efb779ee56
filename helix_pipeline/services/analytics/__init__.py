"""Questions about providers, debates and conversations that the warehouse answers."""
