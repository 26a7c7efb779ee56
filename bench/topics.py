"""Topics of BBC News as OCTIS measures them, mean over 10 to 50 topics, beside plain NMF and published figures.

Coherence is measured on the documents that the topics were learnt from, as OCTIS does and the published figures are.
The rows "unseen half" are stricter: topics learnt from every other document and measured on the rest. The rows of SGD
are conversations, whose words the project chooses itself. `s` is the time of one fit with its top words.

The rows "job" are the topics that TopicModeling wrote from a lake of the same texts, a document of BBC News being a
conversation of one message, with NMF and with Spark's LDA: here `s` is the whole run, and the job's own choice of words
(in at least five documents) stands in for the prepared vocabulary. They too are measured on the prepared texts.
"""

import argparse
import csv
import gzip
import json
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import lakes
import numpy as np
from deltalake import DeltaTable
from harness import START, console, publish
from pyspark.sql import SparkSession
from sklearn.decomposition import NMF
from sklearn.feature_extraction.text import TfidfVectorizer

from helix_pipeline.catalog import find
from helix_pipeline.contracts.events import MessageAdded
from helix_pipeline.contracts.job_tables.topics import TOPICS
from helix_pipeline.contracts.tables import LAKE_CONVERSATIONS
from helix_pipeline.domain.topics.labels import top_words
from helix_pipeline.domain.topics.model import fit
from helix_pipeline.domain.topics.quality import TOP, c_v, diversity, npmi
from helix_pipeline.domain.topics.vocabulary import Vocabulary, document_frequencies, tokens
from helix_pipeline.local.jars import jar_paths
from helix_pipeline.services.batch import execute
from helix_pipeline.settings import load
from helix_pipeline.spark.job_run import JobRun
from helix_pipeline.spark.session import create_session
from helix_pipeline.spark.topics.models import MODELS

DATA = Path(os.environ.get("HELIX_DATA", Path(__file__).parents[2] / "shared" / "data"))
NUMBERS = (10, 20, 30, 40, 50)
JOB = find("TopicModeling")

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
    runs = [METHODS[name](learnt, topics, seed) for topics in NUMBERS for seed in range(seeds)]
    return figures(name, corpus, runs, judged, (time.perf_counter() - begin) / len(runs))


def figures(name: str, corpus: str, runs: list[Lists], judged: Texts, seconds: float) -> dict[str, Any]:
    """Return the mean figures of some runs' topics, each run weighing the same."""
    found = {
        "npmi": _mean(npmi(list(chain.from_iterable(runs)), judged), runs),
        "c_v": _mean(c_v(list(chain.from_iterable(runs)), judged), runs),
        "diversity": float(np.mean([diversity(words) for words in runs])),
    }
    shown = {key: f"{value:.4f}" for key, value in found.items()}
    return {"corpus": corpus, "method": name, "runs": len(runs), **shown, "s": seconds}


def news_lake(folder: Path) -> str:
    """Make a lake of BBC News, each document a conversation of one message; return its root."""
    with (folder / "news.jsonl").open("w", encoding="utf-8") as file:
        for number, text in enumerate(bbc()):
            name = f"bbc-{number}"
            event = MessageAdded(
                event_id=name,
                timestamp=START,
                conversation_id=name,
                message_id=name,
                sequence=0,
                role="user",
                content=" ".join(text),
            )
            file.write(event.model_dump_json(exclude_none=True) + "\n")
    return lakes.build(folder / "news", [folder / "news.jsonl"], [LAKE_CONVERSATIONS])


def sgd_lake(folder: Path) -> str:
    """Make a lake of the SGD conversations; return its root."""
    return lakes.build(folder / "sgd", [DATA / "sgd" / "conversations.jsonl.gz"], [LAKE_CONVERSATIONS])


def through_job(spark: SparkSession, root: str, corpus: str, judged: Texts, model: str) -> dict[str, Any]:
    """Run the job for each number of topics and return the mean figures of what it wrote."""
    runs, begin = [], time.perf_counter()
    for number in NUMBERS:
        with console.status(f"TopicModeling: {corpus}, {model}, {number} topics"):
            execute(JOB, JobRun(spark, root, root, None, {**JOB.defaults, "model": model, "topics": number}))
        runs.append(DeltaTable(f"{root}/{TOPICS.name}").to_pyarrow_table()["words"].to_pylist())
    return figures(f"job, {model}", corpus, runs, judged, (time.perf_counter() - begin) / len(runs))


def job_rows(news: Texts, conversations: Texts) -> list[dict[str, Any]]:
    """Return the rows of the job on both corpora with each model."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    spark = create_session(load(environ={}), ",".join(str(path) for path in jar_paths("spark")))
    with tempfile.TemporaryDirectory(prefix="helix-topics-") as folder:
        corpora = (("BBC", news_lake(Path(folder)), news), ("SGD", sgd_lake(Path(folder)), conversations))
        found = [through_job(spark, root, name, texts, model) for name, root, texts in corpora for model in MODELS]
    spark.stop()
    return found


def _mean(coherence: np.ndarray, runs: list[Lists]) -> float:
    ends = np.cumsum([len(words) for words in runs])[:-1]
    return float(np.mean([part.mean() for part in np.split(coherence, ends)]))


def published() -> Iterator[dict[str, Any]]:
    """Yield the published figures of BBC News, best coherence first."""
    with (DATA / "topics" / "published_npmi.csv").open(encoding="utf-8") as lines:
        found = [row for row in csv.DictReader(lines) if row["dataset"] == "BBC News"]
    for row in sorted(found, key=lambda row: -float(row["npmi"])):
        known = {"npmi": row["npmi"], "c_v": "", "diversity": row["diversity"]}
        yield {"corpus": "BBC", "method": f"published {row['model']}", "runs": int(row["runs"]), **known, "s": ""}


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="runs per number of topics on BBC News; SGD has one")
    seeds = parser.parse_args().seeds
    news, conversations = bbc(), sgd()
    rows = [measured(name, "BBC", news, news, seeds) for name in METHODS]
    unseen = [measured(name, "BBC, unseen half", *halved(news), seeds) for name in METHODS]
    spoken = [measured(name, "SGD", conversations, conversations, 1) for name in METHODS]
    publish("topics", [*rows, *published(), *unseen, *spoken, *job_rows(news, conversations)])


if __name__ == "__main__":
    main()
