"""Compaction, retention and VACUUM of the lake's tables. Run with spark-submit."""

import sys

from helix_pipeline.services.batch import submitted

if __name__ == "__main__":
    sys.exit(submitted("LakeMaintenance"))
