"""Making sentences: templates of the phrasebook with their slots filled from a topic and by chance."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any

from helix_pipeline.domain.sample.vocabulary import Topic, phrases, spoken, topics

PLANTED_SHARE = 0.8
"""Share of the messages whose two technologies are a planted pair; the others take two at random."""

_STRANGER_SHARE = 0.1
_ALONE_SHARE = 0.35
_SLOT = re.compile(r"\{([a-z_]+)\}")
_MAX_DEPTH = 5
_DRAWN_FROM = {
    "problem": "problems",
    "cause": "causes",
    "remedy": "remedies",
    "metric": "metrics",
    "error": "errors",
    "snippet": "snippets",
    "goal": "goals",
}
_DETAILS: Mapping[str, Callable[[Random], str]] = {
    "n": lambda rng: str(rng.randint(11, 960)),
    "small": lambda rng: str(rng.randint(2, 9)),
    "pct": lambda rng: str(rng.randint(3, 97)),
    "port": lambda rng: str(rng.randint(3000, 9900)),
    "version": lambda rng: f"{rng.randint(1, 9)}.{rng.randint(0, 24)}.{rng.randint(0, 9)}",
    "hour": lambda rng: f"{rng.randint(7, 19):02}:{rng.randrange(0, 60, 5):02}",
}


class Phrasing:
    """Fills templates for one message, in which the technologies and the service stay the same.

    `fixed` holds slots that the caller decides (`clause`, `earlier`, `name`, ...) and may hold slots itself.
    """

    def __init__(self, rng: Random, topic: Topic, moment: datetime, fixed: Mapping[str, str]) -> None:
        self._rng = rng
        self._topic = topic
        self._moment = moment
        first, second = technologies(rng, topic)
        self._slots = {
            "a": say(rng, first),
            "b": say(rng, second),
            "tool": say(rng, _tool(rng, topic)),
            "concept": rng.choice(topic.concepts),
            **fixed,
        }

    def fill(self, template: str) -> str:
        """Return the template with all its slots filled, also those that come with what is filled in.

        Raises KeyError for a slot that nothing fills.
        """
        for _ in range(_MAX_DEPTH):
            if "{" not in template:
                break
            template = _SLOT.sub(self._slot, template)
        return template

    def bind(self, **slots: str) -> None:
        """Decide slots after the start: later sentences of the message use them."""
        self._slots.update(slots)

    def _slot(self, match: re.Match[str]) -> str:
        name = match[1]
        if name in self._slots:
            return self._slots[name]
        if name in _DRAWN_FROM:
            return str(self._rng.choice(getattr(self._topic, _DRAWN_FROM[name])))
        return self._derived(name) or _DETAILS[name](self._rng)

    def _derived(self, name: str) -> str | None:
        match name:
            case "remedy_s":
                return _capital(self._rng.choice(self._topic.remedies))
            case "service_sql":
                return self._slots["service"].replace("-", "_")
            case "date":
                return (self._moment + timedelta(days=self._rng.randint(-20, 30))).strftime("%Y-%m-%d")
        return None


def technologies(rng: Random, topic: Topic) -> tuple[str, str]:
    """Draw the two technologies of a message, in either order: a planted pair or two unrelated ones."""
    if rng.random() < PLANTED_SHARE:
        pair = rng.choice(topic.pairs)
        return (pair[0], pair[1]) if rng.random() < 0.5 else (pair[1], pair[0])
    first, second = rng.sample(topic.tools, 2)
    return first, second


def say(rng: Random, name: str) -> str:
    """Return one of the ways people call this entity."""
    return rng.choice(spoken().get(name, (name,)))


def service(rng: Random) -> str:
    """Draw the name of a service, such as `billing-gateway`."""
    parts: Mapping[str, Any] = phrases()["services"]
    return f"{rng.choice(parts['first'])}-{rng.choice(parts['second'])}"


def sentence_case(text: str) -> str:
    """Return the text with capitals at the beginning and after each sentence, outside of code."""
    prose, fence, rest = text.partition("```")
    capitals = re.sub(r"(?:^|(?<=[.?!] ))[a-z](?=[a-z]* )", lambda match: match[0].upper(), prose)
    return capitals + fence + rest


def _tool(rng: Random, topic: Topic) -> str:
    """Draw a technology named on its own: now and then one with a planted partner, or of another topic."""
    home = rng.choice(topics()) if rng.random() < _STRANGER_SHARE else topic
    if rng.random() < _ALONE_SHARE:
        return rng.choice(rng.choice(home.pairs))
    return rng.choice(home.tools)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
