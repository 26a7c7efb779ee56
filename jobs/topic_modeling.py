"""Topics of the lake's conversations: words, coherence, the topic of each, and a picture. Run with spark-submit."""

import sys

from helix_pipeline.services.batch import submitted

if __name__ == "__main__":
    sys.exit(submitted("TopicModeling"))
