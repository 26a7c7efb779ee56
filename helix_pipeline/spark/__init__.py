"""Spark: session, source, sinks and the listener of the streaming queries."""
