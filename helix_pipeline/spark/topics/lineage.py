"""What earlier runs called the topics that this run finds again."""

from collections.abc import Sequence
from typing import Any

from pyspark.sql import functions as F  # noqa: N812

from helix_pipeline.contracts.job_tables.topics import TOPICS
from helix_pipeline.domain.topics.matching import identifiers, match
from helix_pipeline.spark.job_run import JobRun
from helix_pipeline.spark.lake_tables import previous

Topic = dict[str, Any]
"""A row of `TOPICS`, of an earlier run with its `period`."""


def continued(topics: list[Topic], earlier: Sequence[Topic]) -> list[Topic]:
    """Return topics with `topic_id`, `matched_from` and `similarity`, by those of the earlier run.

    A topic with the very words and weights that it had is the same and keeps all three, so that running again on
    equal input leaves an equal table.
    """
    pairs = match([_weights(topic) for topic in earlier], [_weights(topic) for topic in topics])
    origins = {new: (earlier[old], alike) for old, new, alike in pairs}
    kept = {place: origin["topic_id"] for place, (origin, _) in origins.items()}
    names = identifiers([topic["words"] for topic in topics], kept, {topic["topic_id"] for topic in earlier})
    return [
        {**topic, "topic_id": name, **_lineage(topic, *origins.get(place, (None, None)))}
        for place, (topic, name) in enumerate(zip(topics, names, strict=True))
    ]


def earlier_topics(run: JobRun) -> list[Topic]:
    """Return the topics of the run's period, or else of the last period of that length before it; none of a first run.

    They are few: a run writes one row for each of its topics.
    """
    table = previous(run.spark, run.output_root, TOPICS)
    if table is None:
        return []
    known = table.where((F.length("period") == len(run.period)) & (F.col("period") <= run.period))
    last = known.agg(F.max("period")).first()[0]
    return [row.asDict() for row in known.where(F.col("period") == last).orderBy("topic").collect()]


def _lineage(topic: Topic, origin: Topic | None, alike: float | None) -> dict[str, Any]:
    if origin is None:
        return {"matched_from": None, "similarity": None}
    if _weights(origin) == _weights(topic):
        return {name: origin[name] for name in ("matched_from", "similarity")}
    return {"matched_from": f"{origin['period']}/{origin['topic']}", "similarity": min(alike or 0.0, 1.0)}


def _weights(topic: Topic) -> dict[str, float]:
    return dict(zip(topic["words"], topic["weights"], strict=True))
