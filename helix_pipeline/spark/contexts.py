"""The contexts that entities share: messages, windows of messages, conversations, and counts of what they name.

A frame of contexts has a row for each that names an entity: its `kind`, `conversation_id`, the `message_id` and
`timestamp` of its last message that names one, `named` (the ids of its distinct entities, first come first, at most
`MAX_ENTITIES_PER_MESSAGE`) and `left_out` (how many more there were).
"""

from pyspark.sql import Column, DataFrame, GroupedData, Window
from pyspark.sql import functions as F  # noqa: N812

from helix_pipeline.domain.entities.cooccurrence import MAX_ENTITIES_PER_MESSAGE

MESSAGE, WINDOW, CONVERSATION = "message", "window", "conversation"
"""Kinds of contexts."""

EVIDENCE = 3
"""Messages kept for a pair: the earliest that name both, or else the one that completes its first window."""

PAIR = ("a_id", "b_id")


def contexts(mentions: DataFrame, window: int) -> DataFrame:
    """Return the contexts of a frame of `ENTITIES`, of all kinds.

    Windows are of `window` successive messages of a conversation and reach over its beginning and its end, so that
    each message lies in `window` of them.
    """
    messages = _messages(mentions)
    begin = F.explode(F.sequence(F.col("sequence") - (window - 1), F.col("sequence"))).alias("begin")
    windows = _gathered(messages.select("*", begin).groupBy("conversation_id", "begin"), WINDOW)
    whole = _gathered(messages.groupBy("conversation_id"), CONVERSATION)
    return messages.drop("sequence").unionByName(windows).unionByName(whole)


def counted_entities(mentions: DataFrame, found: DataFrame) -> DataFrame:
    """Return the `id` of each entity, `name` and `type` (of its last mention), and how many contexts name it.

    A mention that is `own` has its name before those of others, which an alias gave to the entity.
    """
    called = mentions.select(F.col("entity_id").alias("id"), "own", "entity_name", "entity_type", "timestamp")
    counted = found.select("kind", F.explode("named").alias("id"))
    last = F.struct("own", "timestamp", "entity_name", "entity_type")
    sums = (
        called.unionByName(counted, allowMissingColumns=True)
        .groupBy("id")
        .agg(
            F.max(F.when(F.col("timestamp").isNotNull(), last)).alias("last"),
            _count(MESSAGE).alias("frequency"),
            _count(WINDOW).alias("window_frequency"),
        )
    )
    names = (F.col(f"last.entity_{name}").alias(name) for name in ("name", "type"))
    return sums.select("id", *names, "frequency", "window_frequency")


def counted_pairs(found: DataFrame) -> DataFrame:
    """Return each pair of entities that share a context (`PAIR`): how often, in which order, and when."""
    in_order = F.col("first") < F.col("second")
    in_window = F.when(F.col("kind") == WINDOW, F.col("timestamp"))
    return (
        _paired(found, "kind", "timestamp")
        .groupBy(*PAIR)
        .agg(
            _count(MESSAGE).alias("frequency"),
            _count(WINDOW).alias("window_frequency"),
            _count(CONVERSATION, in_order).alias("a_first"),
            _count(CONVERSATION, ~in_order).alias("b_first"),
            F.min(in_window).alias("first_seen"),
            F.max(in_window).alias("last_seen"),
        )
    )


def with_evidence(pairs: DataFrame, found: DataFrame) -> DataFrame:
    """Add `evidence` to pairs so few that each task can hold them: the messages that show them, `EVIDENCE` at most."""
    near = F.when(F.col("frequency") > 0, MESSAGE).otherwise(WINDOW).alias("kind")
    wanted = F.broadcast(pairs.select(*PAIR, near))
    place = F.struct("conversation_id", "message_id")
    earliest = Window.partitionBy(*PAIR).orderBy("timestamp", "conversation_id", "message_id")
    shown = _paired(found, "kind", "timestamp", "conversation_id", "message_id").join(wanted, [*PAIR, "kind"])
    first = shown.withColumn("rank", F.row_number().over(earliest)).where(_is_evidence())
    listed = F.array_sort(F.collect_list(F.struct("rank", place.alias("place")))).getField("place").alias("evidence")
    return pairs.join(F.broadcast(first.groupBy(*PAIR).agg(listed)), list(PAIR))


def with_entities(pairs: DataFrame, entities: DataFrame) -> DataFrame:
    """Add what is known of both entities, with `a_` and `b_` before each name."""
    for side in ("a", "b"):
        named = entities.select(*(F.col(name).alias(f"{side}_{name}") for name in entities.columns))
        pairs = pairs.join(named, f"{side}_id")
    return pairs


def _messages(mentions: DataFrame) -> DataFrame:
    found = mentions.groupBy("conversation_id", "message_id").agg(
        F.array_sort(F.collect_list(F.struct("start", "entity_id"))).alias("found"),
        F.min("sequence").alias("sequence"),
        F.min("timestamp").alias("timestamp"),
    )
    return _context(found, MESSAGE, F.col("found.entity_id"))


def _gathered(groups: GroupedData, kind: str) -> DataFrame:
    """Put the messages of each group together, in their order."""
    last = (F.max_by(name, F.struct("sequence", "message_id")).alias(name) for name in ("message_id", "timestamp"))
    found = groups.agg(F.array_sort(F.collect_list(F.struct("sequence", "message_id", "named"))).alias("found"), *last)
    return _context(found, kind, F.flatten("found.named"))


def _context(found: DataFrame, kind: str, entities: Column) -> DataFrame:
    distinct = F.array_distinct(entities)
    return found.withColumns(
        {
            "kind": F.lit(kind),
            "named": F.slice(distinct, 1, MAX_ENTITIES_PER_MESSAGE),
            "left_out": F.greatest(F.size(distinct) - MAX_ENTITIES_PER_MESSAGE, F.lit(0)),
        }
    ).drop("found", "begin")


def _count(kind: str, where: Column | None = None) -> Column:
    of_kind = F.col("kind") == kind
    return F.count_if(of_kind if where is None else of_kind & where)


def _is_evidence() -> Column:
    """Tell whether a message is among the first; of windows one will do, as the next ones reach it again."""
    return F.col("rank") <= F.when(F.col("kind") == MESSAGE, EVIDENCE).otherwise(1)


def _paired(found: DataFrame, *columns: str) -> DataFrame:
    """Return each pair of each context once: `first` and `second` in the order of the context, and as `PAIR`."""
    begun = found.select(*columns, "named", F.posexplode("named").alias("place", "first"))
    later = F.slice("named", F.col("place") + 2, F.size("named"))
    pairs = begun.select(*columns, "first", F.explode(later).alias("second"))
    sides = F.least("first", "second"), F.greatest("first", "second")
    return pairs.select("*", *(side.alias(name) for side, name in zip(sides, PAIR, strict=True)))
