"""Carry the events of Kafka into the graph (Neo4j). Run with spark-submit."""

import sys

from helix_pipeline.services.submit import stream

if __name__ == "__main__":
    sys.exit(stream("stream_graph", __doc__, queries=("graph",)))
