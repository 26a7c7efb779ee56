"""Carry the events of Kafka into the lake (Delta). Run with spark-submit."""

import sys

from helix_pipeline.services.submit import stream

if __name__ == "__main__":
    sys.exit(stream("stream_lake", __doc__, queries=("lake",)))
