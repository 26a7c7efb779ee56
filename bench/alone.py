"""The work of batch jobs in one plain process, without Spark and without writing: what a notebook would do."""

from collections.abc import Callable

import pandas as pd
from deltalake import DeltaTable
from sklearn.decomposition import NMF
from sklearn.feature_extraction.text import TfidfVectorizer

from helix_pipeline.settings_sections import GraphSettings
from helix_pipeline.stores.extractors.extraction import load_extraction

TOPICS = 20


def _read(root: str, table: str, *columns: str) -> pd.DataFrame:
    return DeltaTable(f"{root}/{table}").to_pandas(columns=list(columns) or None)


def entities(root: str) -> object:
    """Extract the entities of every message in one loop."""
    texts = _read(root, "conversations", "content")["content"].dropna().tolist()
    return load_extraction(GraphSettings()).mentions(texts)


def relationships(root: str) -> object:
    """Count entities and pairs within messages with a self-join in pandas; no windows and no statistics."""
    named = _read(root, "entities", "conversation_id", "message_id", "entity_id").drop_duplicates()
    pairs = named.merge(named, on=["conversation_id", "message_id"])
    return pairs[pairs["entity_id_x"] < pairs["entity_id_y"]].groupby(["entity_id_x", "entity_id_y"]).size()


def topics(root: str) -> object:
    """TF-IDF and NMF of scikit-learn over all conversations."""
    said = _read(root, "conversations", "conversation_id", "sequence", "content").dropna().sort_values("sequence")
    texts = said.groupby("conversation_id")["content"].agg(" ".join)
    weights = TfidfVectorizer(stop_words="english", min_df=5, max_df=0.5).fit_transform(texts)
    return NMF(TOPICS, init="nndsvd", random_state=0).fit_transform(weights)


def providers(root: str) -> object:
    """Group the provider calls in pandas."""
    calls = _read(root, "provider_calls").groupby(["provider", "model"])
    return calls["latency_ms"].quantile([0.5, 0.95, 0.99]), calls[["success", "cost", "tokens_prompt"]].sum()


ALONE: dict[str, Callable[[str], object]] = {
    "EntityExtraction": entities,
    "RelationshipMining": relationships,
    "TopicModeling": topics,
    "ProviderPerformance": providers,
}
"""Job type -> the same work."""
