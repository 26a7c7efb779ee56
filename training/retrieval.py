"""Learns how the signals of retrieval are weighed from LoCoMo's questions, and writes weights/ranking.json.

The weights are learned on all conversations. Scale and intercept, which make scores probabilities, are fitted on the
scores of each conversation under weights that were learned without it. Takes about a minute; nothing is random.
"""

import json
import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "bench"))

from context_retrieval import asked, left_out

from helix_pipeline.domain.context.retrieval import ranking

TARGET = Path(ranking.__file__).parent / "weights" / ranking.WEIGHTS


def main() -> None:
    """Write the ranking."""
    every = asked()
    unseen = left_out(every)
    logits = np.concatenate([unseen[one.conversation.name].logits(one.case.columns) for one in every])
    is_evidence = np.concatenate([np.isin(np.arange(len(one.conversation.index)), one.case.evidence) for one in every])
    everything = ranking.learn([one.case for one in every])
    final = ranking.calibrated(everything, logits, is_evidence)
    stored = {"intercept": round(final.intercept, 4), "weights": {n: round(w, 4) for n, w in final.weights.items()}}
    TARGET.write_text(json.dumps(stored, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(f"{TARGET.name}: {len(final.weights)} weights from {len(every):,} questions\n")


if __name__ == "__main__":
    main()
