"""The contract: events on Kafka, topics, and the rows that the stores keep."""
