"""What happened in debates, who won them, who is best in which position and who wins next. Run with spark-submit."""

import sys

from helix_pipeline.services.batch import submitted

if __name__ == "__main__":
    sys.exit(submitted("DebateAnalysis"))
