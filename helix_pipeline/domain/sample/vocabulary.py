"""The words of the corpus: what each topic is about and how things are said, from the packaged YAML files."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class Topic:
    """One subject of conversations and debates. `pairs` are planted: named together far beyond chance.

    `tools` and `concepts` are entities without a planted partner; the other fields are templates with slots.
    """

    name: str
    pairs: tuple[tuple[str, str], ...]
    tools: tuple[str, ...]
    concepts: tuple[str, ...]
    goals: tuple[str, ...]
    problems: tuple[str, ...]
    causes: tuple[str, ...]
    remedies: tuple[str, ...]
    metrics: tuple[str, ...]
    errors: tuple[str, ...]
    snippets: tuple[str, ...]
    motions: tuple[str, ...]


@cache
def topics() -> tuple[Topic, ...]:
    """Return all topics, in the order of the file."""
    return tuple(
        Topic(name=name, **{field: _frozen(values) for field, values in fields.items()})
        for name, fields in _read("vocabulary.yaml")["topics"].items()
    )


@cache
def spoken() -> Mapping[str, tuple[str, ...]]:
    """Return how people call an entity, for those that do not simply go by their name."""
    return {name: tuple(forms) for name, forms in _read("vocabulary.yaml")["spoken"].items()}


@cache
def phrases() -> Mapping[str, Any]:
    """Return the phrasebook: names, styles, and templates per act (see phrases.yaml)."""
    return _frozen(_read("phrases.yaml"))  # type: ignore[no-any-return]


def planted_pairs() -> list[tuple[str, str]]:
    """Return the entity pairs that the corpus names together far beyond chance, by canonical name."""
    return [pair for topic in topics() for pair in topic.pairs]


def _read(name: str) -> dict[str, Any]:
    text = resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
    return yaml.safe_load(text)  # type: ignore[no-any-return]


def _frozen(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _frozen(value) for key, value in node.items()}
    return tuple(_frozen(item) for item in node) if isinstance(node, list) else node
