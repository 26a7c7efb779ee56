"""How well entities are recognised, and how fast: each recogniser on the dev parts of StackOverflowNER and WNUT17.

F1 is conlleval's, over exact bounds and labels; the texts are the corpora's tokens with spaces between them, and the
recognisers cut them into tokens of their own. The confusion matrix is of what `recognise` reports in the end, by type.
Speed is in tokens a second on one core: of processor time in a plain process, and of the clock in a stage of Spark that
reads Arrow batches, with all that Spark does around it. Then resolution on the alias set, and typed relations.
"""

import argparse
import os
import sys

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYSPARK_PYTHON": sys.executable}

import gzip
import json
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

import entity_relations
import entity_resolution
import pyarrow as pa
from entity_data import CORPORA, Annotated, data, sentences
from harness import console, publish_parts

from helix_pipeline.domain.entities.recognition.labels import TagSet
from helix_pipeline.domain.entities.recognition.scoring import (
    NONE,
    Labelled,
    calibration_error,
    confusion,
    score,
    score_by_label,
)
from helix_pipeline.domain.entities.recognition.tagged import TaggedRecogniser
from helix_pipeline.domain.entities.recognition.tokens import tokenise
from helix_pipeline.domain.entities.types import DATE, NUMBER, TYPES
from helix_pipeline.settings import load
from helix_pipeline.stores.extractors.registry import load_recogniser

RECOGNISERS = ("fast", "accurate")
KNOWN = {
    "stackoverflow": {"SoftNER (BERT, 152 M sentences)": 79.1, "linear CRF (unmerged labels)": 57.6},
    "wnut17": {"Flair": 49.6, "best of the task": 41.9, "linear CRF": 17.3},
}
"""Published F1 on the test parts."""

KNOWN_SPEED = {"spaCy large": 10_014, "spaCy transformer": 684}
"""Published words a second."""

MESSAGES = 5_000
BATCH = 1_000
"""Texts of an Arrow batch."""

Rows = list[dict[str, Any]]


def main() -> None:
    """Measure, print, and write bench/results/entities.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--without-spark", action="store_true", help="leave the stage of Spark out")
    chosen = parser.parse_args()
    texts = {corpus: [one.spaced() for one in sentences(corpus, "dev")] for corpus in CORPORA}
    parts: dict[str, Rows] = {"F1": [], "F1 by label": [], "confusion": [], "tokens a second, one core": []}
    for name in RECOGNISERS:
        recogniser = loaded(name)
        for corpus, tags in CORPORA.items():
            scores, labels = quality(recogniser, tags, texts[corpus])
            parts["F1"].append({"recogniser": name, "corpus": corpus, **scores})
            parts["F1 by label"] += [{"recogniser": name, "corpus": corpus, **row} for row in labels]
            parts["confusion"] += [
                {"recogniser": name, "corpus": corpus, **row} for row in mixed_up(recogniser, tags, texts[corpus])
            ]
        parts["tokens a second, one core"] += speed(name, recogniser, chosen.without_spark)
    parts["F1"] += [published(corpus, name, f1) for corpus, known in KNOWN.items() for name, f1 in known.items()]
    parts["tokens a second, one core"] += [
        {"recogniser": name, "where": "published", "tokens/s": rate} for name, rate in KNOWN_SPEED.items()
    ]
    publish_parts("entities", parts | entity_resolution.figures())
    entity_relations.report(console)


def loaded(name: str) -> TaggedRecogniser:
    """Return a recogniser of the project's own, made once per process."""
    recogniser = load_recogniser(load(environ={}).graph.model_copy(update={"extractor": name}))
    assert isinstance(recogniser, TaggedRecogniser)
    return recogniser


def published(corpus: str, name: str, f1: float) -> dict[str, Any]:
    """Return a row for what others report."""
    return {"recogniser": name, "corpus": f"{corpus} test", "precision": "", "recall": "", "F1": f1, "calibration": ""}


def quality(recogniser: TaggedRecogniser, tags: TagSet, texts: list[Annotated]) -> tuple[dict[str, Any], Rows]:
    """Return the scores of what the model finds for a tag set, in per cent, and F1 for each label."""
    found: list[list[Labelled]] = [[] for _ in texts]
    sure, right = [], []
    for row, start, end, label, confidence in recogniser.labelled([one.text for one in texts], tags):
        found[row].append((start, end, label))
        sure.append(confidence)
        right.append((start, end, label) in texts[row].spans)
    true = [one.spans for one in texts]
    total = score(true, found)
    scores = {"precision": total.precision, "recall": total.recall, "F1": total.f1}
    scores["calibration"] = calibration_error(sure, right)
    labels = [
        {"label": label, "F1": 100 * one.f1, "spans": one.true} for label, one in score_by_label(true, found).items()
    ]
    return {name: 100 * value for name, value in scores.items()}, labels


def mixed_up(recogniser: TaggedRecogniser, tags: TagSet, texts: list[Annotated]) -> Rows:
    """Return the confusion matrix of types: a row for each true type, a column for what it was found as."""
    true = [[(start, end, tags.kinds[label][0]) for start, end, label in one.spans] for one in texts]
    found: list[list[Labelled]] = [[] for _ in texts]
    for span in recogniser.recognise([one.text for one in texts]).to_pylist():
        if span["type"] not in (DATE, NUMBER):
            found[span["row"]].append((span["start"], span["end"], span["type"]))
    counts: Counter[tuple[str, str]] = confusion(true, found)
    named = [one for one in (*TYPES, NONE) if any(one in pair for pair in counts)]
    return [{"true": one, **{other: counts[one, other] for other in named}} for one in named]


def speed(name: str, recogniser: TaggedRecogniser, without_spark: bool) -> Rows:
    """Return tokens a second over messages of SGD, after a first pass over other messages."""
    warm, texts = messages(0), messages(MESSAGES)
    tokens = len(tokenise(texts))
    list(map(recogniser.recognise, batches(warm)))
    began = time.process_time()
    list(map(recogniser.recognise, batches(texts)))
    rows = [{"recogniser": name, "where": "process", "tokens/s": round(tokens / (time.process_time() - began))}]
    if not without_spark:
        rows.append({"recogniser": name, "where": "Spark, mapInArrow", "tokens/s": in_spark(name, warm, texts, tokens)})
    return rows


def messages(first: int) -> list[str]:
    """Return messages of SGD from one on."""
    with gzip.open(data() / "sgd" / "conversations.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line)["content"] for line in islice(lines, first, first + MESSAGES)]


def batches(texts: list[str]) -> Iterator[list[str]]:
    """Yield the texts as a stage of Spark gets them."""
    for start in range(0, len(texts), BATCH):
        yield texts[start : start + BATCH]


def in_spark(name: str, warm: list[str], texts: list[str], tokens: int) -> int:
    """Return tokens a second of a stage on one core, with what Spark itself takes."""
    from pyspark.sql import SparkSession

    conf = {"spark.sql.execution.arrow.maxRecordsPerBatch": str(BATCH), "spark.ui.enabled": "false"}
    session = SparkSession.builder.master("local[1]").config(map=conf).getOrCreate()
    session.sparkContext.setLogLevel("ERROR")

    def recognised(parts: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for part in parts:
            yield from loaded(name).recognise(part.column(0).to_pylist()).select(["row", "type"]).to_batches()

    def run(some: list[str]) -> float:
        frame = session.createDataFrame(pa.table({"text": some})).coalesce(1)
        began = time.perf_counter()
        frame.mapInArrow(recognised, "row int, type string").write.format("noop").mode("overwrite").save()
        return time.perf_counter() - began

    with console.status("Spark"):
        run(warm)
        rate = round(tokens / run(texts))
        session.stop()
    return rate


if __name__ == "__main__":
    main()
