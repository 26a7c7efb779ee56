"""Helix Pipeline: events of an LLM platform from Kafka through Spark into a Delta lake, ClickHouse and Neo4j."""

__version__ = "0.1.0"
