"""The entities that messages name, with exact spans, from the lake. Run with spark-submit."""

import sys

from helix_pipeline.services.batch import submitted

if __name__ == "__main__":
    sys.exit(submitted("EntityExtraction"))
