"""The randomness of the corpus: one generator per thing made, so that each comes out the same on its own."""

from random import Random


def chance(*parts: object) -> Random:
    """Return a generator that depends on `parts` alone, such as a seed, a kind of thing and its number."""
    return Random(":".join(map(str, parts)))  # noqa: S311  (a corpus, not a secret)
