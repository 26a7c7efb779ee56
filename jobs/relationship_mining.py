"""The pairs of entities that belong together, with what speaks for it, from the lake. Run with spark-submit."""

import sys

from helix_pipeline.services.batch import submitted

if __name__ == "__main__":
    sys.exit(submitted("RelationshipMining"))
