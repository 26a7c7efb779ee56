"""Vectors of texts from an OpenAI-compatible endpoint (`/embeddings`), in bounded requests, each with a time-out.

Whoever asks can do without: the static embedding stands in, and `helixagent_context_embeddings_total` counts it.
"""

from collections.abc import Sequence
from typing import Any

import httpx
import numpy as np
import structlog
from numpy.typing import NDArray

from helix_pipeline.errors import SettingsError, StoreError
from helix_pipeline.settings_sections import ContextSettings
from helix_pipeline.stores.models import endpoint, posted
from helix_pipeline.telemetry import CONTEXT_EMBEDDINGS

BATCH = 128
"""Texts in a request."""

LONGEST_TEXT = 8_000
"""Characters of a text that are sent; models take about as many tokens as this has at most."""

MAX_ANSWER = 64 << 20
"""Bytes of an answer; a longer one is given up."""

_log = structlog.get_logger(__name__)

Vectors = NDArray[np.float32]


def vectors(settings: ContextSettings, texts: Sequence[str]) -> Vectors | None:
    """Return one vector for each text, or None where the static embedding stands in.

    That is so where no endpoint is set, and where it fails, which is logged and counted.
    """
    if settings.embeddings_base_url is None or not texts:
        return None
    try:
        found = encode(settings, texts)
    except StoreError as error:
        _log.warning("static embedding stands in", texts=len(texts), reason=str(error))
        CONTEXT_EMBEDDINGS.labels("failed").inc(len(texts))
        return None
    CONTEXT_EMBEDDINGS.labels("endpoint").inc(len(texts))
    return found


def encode(settings: ContextSettings, texts: Sequence[str]) -> Vectors:
    """Return one vector for each text, float32[texts, size], of the model `settings.embeddings_model`.

    Asks `settings.embeddings_base_url` for `BATCH` texts at a time, each within about `settings.embeddings_timeout_s`
    seconds. Raises StoreError where an answer does not come or cannot be used, SettingsError where no endpoint is set.
    """
    url, model, key = settings.embeddings_base_url, settings.embeddings_model, settings.embeddings_api_key
    if url is None or model is None:
        raise SettingsError(
            "context.embeddings_base_url and context.embeddings_model: set both (CONTEXT_EMBEDDINGS_BASE_URL, …_MODEL)"
        )
    place, timeout_s = f"{url.rstrip('/')}/embeddings", settings.embeddings_timeout_s
    batches = [texts[start : start + BATCH] for start in range(0, len(texts), BATCH)]
    with endpoint(key, timeout_s) as client:
        parts = [_batch(client, place, model, some, timeout_s) for some in batches]
    sizes = {part.shape[1] for part in parts}
    if len(sizes) > 1:
        raise StoreError(f"{place} gives no usable answer (vectors of {sorted(sizes)} numbers): is it one model?")
    return np.concatenate(parts)


def _batch(client: httpx.Client, place: str, model: str, texts: Sequence[str], timeout_s: float) -> Vectors:
    body = {"model": model, "input": [text[:LONGEST_TEXT] or " " for text in texts], "encoding_format": "float"}
    found = posted(client, place, body, timeout_s, MAX_ANSWER)
    try:
        return _read(found, len(texts))
    except (ValueError, LookupError, TypeError) as error:
        raise StoreError(f"{place} gives no usable answer ({error}): is it OpenAI-compatible?") from None


def _read(answer: Any, texts: int) -> Vectors:
    rows = sorted(answer["data"], key=lambda row: row["index"])
    if [row["index"] for row in rows] != list(range(texts)):
        raise ValueError(f"{len(rows)} vectors for {texts} texts")
    found = np.array([row["embedding"] for row in rows], np.float32)
    if found.ndim != 2 or not found.size or not np.isfinite(found).all():
        raise ValueError("vectors are not rows of finite numbers")
    return found
