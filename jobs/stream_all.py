"""Carry the events of Kafka into all stores: every query in one session, for a small machine. Run with spark-submit."""

import sys

from helix_pipeline.services.submit import stream

if __name__ == "__main__":
    sys.exit(stream("stream_all", __doc__, queries=()))
