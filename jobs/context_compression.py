"""The compressed context of each conversation over a budget of tokens, from the lake. Run with spark-submit."""

import sys

from helix_pipeline.services.batch import submitted

if __name__ == "__main__":
    sys.exit(submitted("ContextCompression"))
