"""Switches of components: which queries run, and what a refusal says."""

import pytest

from helix_pipeline.errors import UsageError
from helix_pipeline.settings import load
from helix_pipeline.spark.queries import QUERIES, runnable

LAKE = {query.name for query in QUERIES if query.name.startswith("lake.")}
GRAPH = {"graph.conversations", "graph.knowledge"}
HOT_COPY = "warehouse.conversation_messages"
OTHER_TABLES = {"warehouse.debate_events", "warehouse.entity_extraction_metrics", "warehouse.provider_metrics"}


@pytest.mark.parametrize(
    ("off", "running"),
    [
        ((), {*LAKE, *GRAPH, HOT_COPY, *OTHER_TABLES}),
        (("KNOWLEDGE_GRAPH",), {*LAKE, HOT_COPY, *OTHER_TABLES}),
        (("ANALYTICS",), {*LAKE, *GRAPH, HOT_COPY}),
        (("INFINITE_CONTEXT",), {*LAKE, *GRAPH, HOT_COPY, *OTHER_TABLES}),
        (("ANALYTICS", "INFINITE_CONTEXT"), {*LAKE, *GRAPH}),
        (("ANALYTICS", "INFINITE_CONTEXT", "KNOWLEDGE_GRAPH"), LAKE),
        (("DISTRIBUTED_MEMORY", "CROSS_LEARNING"), {*LAKE, *GRAPH, HOT_COPY, *OTHER_TABLES}),
    ],
    ids=str,
)
def test_the_queries_of_what_is_off_do_not_run(off, running):
    features = load(environ={f"BIGDATA_ENABLE_{name}": "false" for name in off}).features
    assert {query.name for query in runnable([], features)} == running


@pytest.mark.parametrize(
    ("environ", "names", "said"),
    [
        (
            {"BIGDATA_ENABLE_KNOWLEDGE_GRAPH": "0"},
            ["graph"],
            "no query of graph may run: BIGDATA_ENABLE_KNOWLEDGE_GRAPH is",
        ),
        (
            {"BIGDATA_ENABLE_ANALYTICS": "0", "BIGDATA_ENABLE_INFINITE_CONTEXT": "0"},
            [HOT_COPY],
            "BIGDATA_ENABLE_ANALYTICS and BIGDATA_ENABLE_INFINITE_CONTEXT is false",
        ),
        ({"BIGDATA_ENABLED": "0"}, [], "no query of all may run: BIGDATA_ENABLED is false"),
        ({"BIGDATA_ENABLED": "0"}, ["lake"], "no query of lake may run: BIGDATA_ENABLED is false"),
    ],
)
def test_where_nothing_is_left_to_run_the_switch_is_named(environ, names, said):
    with pytest.raises(UsageError, match=said):
        runnable(names, load(environ=environ).features)


def test_what_is_on_runs_beside_what_is_off():
    features = load(environ={"BIGDATA_ENABLE_KNOWLEDGE_GRAPH": "false"}).features
    assert {query.name for query in runnable(["lake", "graph"], features)} == LAKE
