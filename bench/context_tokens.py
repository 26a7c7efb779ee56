"""How far the estimate of tokens is from the exact counts, and how fast each is counted.

Texts: LoCoMo, a part of SGD, the project's own Python, and the interface texts of Airflow in other languages, where
that is installed. A conversation is that of the data, a source file, or a language.
"""

import gzip
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import harness
import numpy as np
import pyarrow as pa
from locomo import DATA
from numpy.typing import NDArray

from helix_pipeline.domain.context.encodings import ENCODINGS, ESTIMATE, counter

SGD_MESSAGES = 40_000
SHORTEST = 16
"""Characters from which an interface text is taken: shorter ones are single words."""


@dataclass(frozen=True)
class Corpus:
    """Texts, and the conversation that each is in."""

    name: str
    texts: list[str]
    conversations: list[str]


def rows() -> list[dict[str, Any]]:
    """Return a row per corpus and exact encoding: errors of the estimate, millions of tokens counted per CPU second."""
    found = [
        _sample(DATA / "locomo" / "conversations.jsonl"),
        _sample(DATA / "sgd" / "conversations.jsonl.gz"),
        _code(),
    ]
    return [
        _row(corpus, encoding) for corpus in [*found, *_languages()] for encoding in ENCODINGS if encoding != ESTIMATE
    ]


def _row(corpus: Corpus, encoding: str) -> dict[str, Any]:
    texts = pa.array(corpus.texts)
    counter(encoding).count("")
    began = time.process_time()
    exact = counter(encoding).counts(texts)
    seconds = time.process_time() - began
    estimate = counter(ESTIMATE).counts(texts)
    _, place = np.unique(corpus.conversations, return_inverse=True)
    each = _error(estimate, exact)
    whole = _error(np.bincount(place, estimate), np.bincount(place, exact))
    return {
        "texts": corpus.name,
        "encoding": encoding,
        "tokens": int(exact.sum()),
        "message_mean_pct": 100 * float(each.mean()),
        "message_p95_pct": 100 * float(np.quantile(each, 0.95)),
        "conversation_mean_pct": 100 * float(whole.mean()),
        "conversation_p95_pct": 100 * float(np.quantile(whole, 0.95)),
        "bias_pct": 100 * float(estimate.sum() / exact.sum() - 1),
        "mtokens_per_cpu_s": float(exact.sum() / seconds / 1e6),
    }


def _error(estimate: NDArray[Any], exact: NDArray[Any]) -> NDArray[np.float64]:
    return np.abs(estimate - exact) / np.maximum(exact, 1)


def _sample(path: Path) -> Corpus:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as lines:
        said = [json.loads(line) for line, _ in zip(lines, range(SGD_MESSAGES), strict=False)]
    return Corpus(path.parent.name, [one["content"] for one in said], [one["conversation_id"] for one in said])


def _code() -> Corpus:
    files = sorted((Path(__file__).parents[1] / "helix_pipeline").rglob("*.py"))
    blocks = [(block, str(file)) for file in files for block in file.read_text(encoding="utf-8").split("\n\n") if block]
    return Corpus("code", [block for block, _ in blocks], [file for _, file in blocks])


def _languages() -> Iterator[Corpus]:
    """Yield the interface texts of Airflow: languages in Latin letters but English, then those in others."""
    installed = find_spec("airflow")
    if installed is None or not installed.origin:
        return
    folders = sorted((Path(installed.origin).parent / "ui" / "dist" / "i18n" / "locales").iterdir())
    found = [(text, folder.name) for folder in folders if folder.name != "en" for text in _interface(folder)]
    latin = {name for _, name in found if _is_latin("".join(text for text, of in found if of == name))}
    for title, inside in (("other languages, Latin letters", True), ("other scripts", False)):
        kept = [(text, name) for text, name in found if (name in latin) == inside]
        yield Corpus(title, [text for text, _ in kept], [name for _, name in kept])


def _interface(folder: Path) -> Iterator[str]:
    for file in sorted(folder.glob("*.json")):
        for text in _strings(json.loads(file.read_text(encoding="utf-8"))):
            shown = re.sub(r"\{\{.*?\}\}", "5", text)
            if len(shown) >= SHORTEST:
                yield shown


def _strings(found: Any) -> Iterator[str]:
    if isinstance(found, dict):
        for part in found.values():
            yield from _strings(part)
    elif isinstance(found, str):
        yield found


def _is_latin(text: str) -> bool:
    letters = [letter for letter in text if letter.isalpha()]
    return sum(letter < "\u0250" for letter in letters) > len(letters) / 2


if __name__ == "__main__":
    harness.publish("context-tokens", rows())
