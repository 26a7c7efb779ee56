"""The users of the corpus: names, roles and tastes that stay the same in all their conversations."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from random import Random

from helix_pipeline.domain.sample.chance import chance
from helix_pipeline.domain.sample.vocabulary import phrases

PERSONAS = 40


@dataclass(frozen=True, slots=True)
class Persona:
    """One user. `style` is how they write and like to be answered: concise, detailed or code-heavy."""

    user_id: str
    name: str
    role: str
    city: str
    style: str
    teammates: tuple[str, ...]


@cache
def personas() -> tuple[Persona, ...]:
    """Return the users of the corpus. They do not depend on the seed: only what they say does."""
    rng = chance("personas")
    first_names = phrases()["names"]["first"][:PERSONAS]
    return tuple(_persona(rng, first, first_names) for first in first_names)


def _persona(rng: Random, first: str, first_names: Sequence[str]) -> Persona:
    names, styles = phrases()["names"], phrases()["styles"]
    last = rng.choice(names["last"])
    return Persona(
        user_id=f"user-{first.lower()}-{last.lower()}",
        name=f"{first} {last}",
        role=rng.choice(names["roles"]),
        city=rng.choice(names["cities"]),
        style=rng.choices(list(styles), [style["share"] for style in styles.values()])[0],
        teammates=tuple(rng.sample([name for name in first_names if name != first], 3)),
    )
