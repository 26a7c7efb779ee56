"""The analysis of a conversation and its index for questions: each made once for each state, then from the cache."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from helix_pipeline.domain.context.engine import Analysis, analysed
from helix_pipeline.domain.context.retrieval.index import build
from helix_pipeline.domain.context.text import Text, analyse
from helix_pipeline.services.context.cache import Indexed
from helix_pipeline.services.context.conversation import Conversation
from helix_pipeline.services.context.stores import ContextStores
from helix_pipeline.stores.embeddings import vectors


def analysis_of(stores: ContextStores, found: Conversation) -> Analysis:
    """Return the analysis of a conversation; raises as `Conversation.table`."""
    key = (found.conversation_id, found.head.name) if found.head else None
    known = stores.caches.analyses.get(key) if key else None
    if known is None:
        known = analysed(found.table())
        if key:
            stores.caches.analyses.put(key, known)
    return known


def index_of(stores: ContextStores, found: Conversation) -> Indexed:
    """Return a conversation with its index; raises as `Conversation.table`."""
    key = (found.conversation_id, found.head.name) if found.head else None
    known = stores.caches.indexes.get(key) if key else None
    if known is None:
        analysis = stores.caches.analyses.get(key) if key else None
        messages = analysis.messages if analysis else found.table()
        text = analysis.text if analysis else analyse(messages["content"].combine_chunks())
        known = indexed(stores, messages, text)
        if key:
            stores.caches.indexes.put(key, known)
    return known


def indexed(stores: ContextStores, messages: pa.Table, text: Text) -> Indexed:
    """Return messages with their index; `text` is the analysis of their contents.

    Their vectors are those of the configured endpoint, if there is one and it answers.
    """
    embedded = vectors(stores.settings.context, messages["content"].to_pylist()) if _embeds(stores) else None
    return Indexed(messages, build(messages, text, embedded))


def scores(stores: ContextStores, known: Indexed, query: str) -> NDArray[np.float64]:
    """Return how likely each message is to answer a question, float64[messages] in [0, 1]."""
    asked = vectors(stores.settings.context, [query]) if known.index.embedded is not None else None
    return known.index.scores(query, None if asked is None else asked[0])


def _embeds(stores: ContextStores) -> bool:
    return stores.settings.context.embeddings_base_url is not None
