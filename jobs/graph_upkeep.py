"""Refresh, archive and snapshot of the knowledge graph. Run with spark-submit."""

import sys

from helix_pipeline.services.batch import submitted

if __name__ == "__main__":
    sys.exit(submitted("GraphUpkeep"))
