"""Topics of BBC News as OCTIS measures them, mean over 10 to 50 topics, beside plain NMF and published figures.

Coherence is measured on the documents that the topics were learnt from, as OCTIS does and the published figures are.
The rows "unseen half" are stricter: topics learnt from every other document and measured on the rest. The rows of SGD
are conversations, whose words the project chooses itself. `s` is the time of one fit with its top words.
"""

import argparse
import csv
import gzip
import json
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from harness import publish
from sklearn.decomposition import NMF
from sklearn.feature_extraction.text import TfidfVectorizer

from helix_pipeline.domain.topics.labels import top_words
from helix_pipeline.domain.topics.model import fit
from helix_pipeline.domain.topics.quality import TOP, c_v, diversity, npmi
from helix_pipeline.domain.topics.vocabulary import Vocabulary, document_frequencies, tokens

DATA = Path(os.environ.get("HELIX_DATA", Path(__file__).parents[2] / "shared" / "data"))
TOPICS = (10, 20, 30, 40, 50)

Texts = list[list[str]]
Lists = list[list[str]]


def bbc() -> Texts:
    """Return the documents, words as OCTIS prepared them."""
    lines = (DATA / "topics" / "bbc_news.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["text"].split() for line in lines]


def halved(texts: Texts) -> tuple[Texts, Texts]:
    """Return every other document and the rest, with the words that both halves have."""
    halves = texts[::2], texts[1::2]
    both = set(chain.from_iterable(halves[0])) & set(chain.from_iterable(halves[1]))
    learnt, judged = ([[word for word in text if word in both] for text in half] for half in halves)
    return learnt, judged


def sgd() -> Texts:
    """Return the conversations, a text each, with the words of the vocabulary that the project chooses."""
    said: dict[str, list[str]] = defaultdict(list)
    with gzip.open(DATA / "sgd" / "conversations.jsonl.gz", "rt", encoding="utf-8") as lines:
        for message in map(json.loads, lines):
            said[message["conversation_id"]] += tokens(message["content"])
    texts = list(said.values())
    known = Vocabulary.choose(document_frequencies(texts), len(texts)).places
    return [[word for word in text if word in known] for text in texts]


def ours(texts: Texts, topics: int, seed: int) -> Lists:
    """Return the topics' words of the project; every word is taken, as the texts are prepared."""
    vocabulary = Vocabulary.choose(document_frequencies(texts), len(texts), min_documents=1, max_share=1)
    weighted = vocabulary.weigh(vocabulary.counts(texts))
    return top_words(fit(vocabulary, weighted, topics, seed), weighted)


def plain(texts: Texts, topics: int, seed: int) -> Lists:
    """Return the heaviest words of scikit-learn's tf-idf (with dampened counts) and NMF."""
    vectorizer = TfidfVectorizer(analyzer=list, sublinear_tf=True)
    weighted = vectorizer.fit_transform(texts)
    found = NMF(topics, init="nndsvd", max_iter=400, random_state=seed).fit(weighted).components_
    words = vectorizer.get_feature_names_out()
    return [words[np.argsort(-row, kind="stable")[:TOP]].tolist() for row in found]


METHODS: dict[str, Callable[[Texts, int, int], Lists]] = {"helix": ours, "tf-idf + NMF": plain}


def measured(name: str, corpus: str, learnt: Texts, judged: Texts, seeds: int) -> dict[str, Any]:
    """Return the mean figures of a method over all numbers of topics and seeds, each run weighing the same."""
    begin = time.perf_counter()
    runs = [METHODS[name](learnt, topics, seed) for topics in TOPICS for seed in range(seeds)]
    seconds = (time.perf_counter() - begin) / len(runs)
    figures = {
        "npmi": _mean(npmi(list(chain.from_iterable(runs)), judged), runs),
        "c_v": _mean(c_v(list(chain.from_iterable(runs)), judged), runs),
        "diversity": float(np.mean([diversity(words) for words in runs])),
    }
    shown = {key: f"{value:.4f}" for key, value in figures.items()}
    return {"corpus": corpus, "method": name, "runs": len(runs), **shown, "s": seconds}


def _mean(coherence: np.ndarray, runs: list[Lists]) -> float:
    ends = np.cumsum([len(words) for words in runs])[:-1]
    return float(np.mean([part.mean() for part in np.split(coherence, ends)]))


def published() -> Iterator[dict[str, Any]]:
    """Yield the published figures of BBC News, best coherence first."""
    with (DATA / "topics" / "published_npmi.csv").open(encoding="utf-8") as lines:
        found = [row for row in csv.DictReader(lines) if row["dataset"] == "BBC News"]
    for row in sorted(found, key=lambda row: -float(row["npmi"])):
        figures = {"npmi": row["npmi"], "c_v": "", "diversity": row["diversity"]}
        yield {"corpus": "BBC", "method": f"published {row['model']}", "runs": int(row["runs"]), **figures, "s": ""}


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="runs per number of topics on BBC News; SGD has one")
    seeds = parser.parse_args().seeds
    news, conversations = bbc(), sgd()
    rows = [measured(name, "BBC", news, news, seeds) for name in METHODS]
    unseen = [measured(name, "BBC, unseen half", *halved(news), seeds) for name in METHODS]
    spoken = [measured(name, "SGD", conversations, conversations, 1) for name in METHODS]
    publish("topics", [*rows, *published(), *unseen, *spoken])


if __name__ == "__main__":
    main()
