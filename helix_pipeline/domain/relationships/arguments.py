"""Who and what a cue is about: the subject before it, and the names after it by the word that links them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from helix_pipeline.domain.relationships import cues, words
from helix_pipeline.domain.relationships.sentences import Token

MOST_UNKNOWN = 4
"""Words of no known class that may lie between a cue and a name."""


@dataclass(slots=True)
class Subject:
    """What stands before a cue: `mentions`, or the speaker (`own`: something of the speaker's), or nothing.

    `group`: the speaker alone, or with a team. `opens`: the cue begins the sentence; `shared`: it goes on after `and`.

    `start` is the place of its first token; the words between it and the cue, and it alone, set the flags.
    """

    start: int
    mentions: list[int] = field(default_factory=list)
    speaker: bool = False
    own: bool = False
    group: bool = False
    opens: bool = False
    shared: bool = False
    between: set[str] = field(default_factory=set)


def subject(tokens: Sequence[Token], cue: int, participle: bool, most_unknown: int = 3) -> Subject:
    """Return what is before a cue. `participle`: a noun phrase may lie between them, as in `X, a tool written in`."""
    found = Subject(cue)
    phrase, at, unknown = participle, cue - 1, 0
    while at >= 0:
        token = tokens[at]
        word = token.word
        if token.mention >= 0:
            found.start, found.mentions = _listed_before(tokens, at)
            return found
        if word in words.SPEAKER or (word in words.OWN and unknown) or (word == "the" and "team" in found.between):
            found.start, found.own = at, word not in words.SPEAKER
            found.speaker = not (unknown and not found.own) and not found.between & words.OTHERS
            found.mentions = _beside_speaker(tokens, at)
            found.group = not found.own or bool(found.between & words.GROUPS)
            return found
        if word in words.RELATIVE or (word == "," and at and phrase):
            phrase = True
        elif word in words.DETERMINERS:
            if not phrase:
                return found
        elif _is_between(word):
            found.between.add(word)
        elif word == "to" and at and tokens[at - 1].word == "going":
            found.between.add("will")
            at -= 1
        elif word == "'s" and at and tokens[at - 1].mention >= 0:
            found.between.add("possessive")
        elif word in words.CONJUNCTIONS or word == ",":
            found.shared = unknown == 0
            found.opens = found.shared and all(one.word in words.OPENERS for one in tokens[:at])
            return found
        elif word in words.STOP or unknown == most_unknown:
            return found
        else:
            unknown += 1
            found.between.add(word)
        at -= 1
    found.opens = unknown == 0
    return found


def names(tokens: Sequence[Token], at: int, links: Collection[str]) -> tuple[dict[str, list[int]], int]:
    """Return the mentions after a cue by the link before them (none: ``""``), and the place after the last of them."""
    found: dict[str, list[int]] = {}
    link, unknown, end = "", 0, at
    while at < len(tokens):
        token = tokens[at]
        linked = _link(tokens, at, links)
        if token.mention >= 0 and link not in found:
            end, found[link] = _listed_after(tokens, at)
            at, unknown = end, 0
        elif linked and linked not in found:
            link, unknown, at = linked, 0, at + len(linked.split())
        elif token.word == "and" and _link(tokens, at + 1, links):
            at += 1
        elif token.mention >= 0 or _ends_phrase(tokens, at) or unknown == MOST_UNKNOWN:
            break
        else:
            unknown += token.word not in words.FILLERS
            at += 1
    return found, end


def nearest_before(tokens: Sequence[Token], at: int) -> list[int]:
    """Return the mentions of the noun phrase that ends before a token."""
    unknown = 0
    while at > 0 and unknown <= 2:
        at -= 1
        if tokens[at].mention >= 0:
            return [tokens[at].mention]
        if tokens[at].word in words.STOP and tokens[at].word not in ")":
            return []
        unknown += 1
    return []


def _is_between(word: str) -> bool:
    known = words.BE, words.HAVE, words.DO, words.NEGATION, words.WILL, words.WOULD, words.MODAL, words.ADVERBS
    return any(word in kind for kind in known) or word in words.FORMER or word == "longer" or word.endswith("ly")


def _beside_speaker(tokens: Sequence[Token], at: int) -> list[int]:
    """Return who opens the sentence together with the speaker: `X and I`."""
    opens = all(token.word in words.OPENERS for token in tokens[: max(at - 2, 0)])
    joined = at >= 2 and tokens[at - 1].word == "and" and tokens[at - 2].mention >= 0
    return [tokens[at - 2].mention] if joined and opens else []


def _is_verb(tokens: Sequence[Token], at: int) -> bool:
    """Tell whether a word after `and` goes on with another verb, and not with another name."""
    return tokens[at].word.endswith("ed") or next(cues.matching(tokens, at), None) is not None


def _listed_before(tokens: Sequence[Token], at: int) -> tuple[int, list[int]]:
    """Return the place where a list of mentions that ends here begins, and the mentions."""
    found = [tokens[at].mention]
    while (before := at - 1) >= 0:
        while before > 0 and tokens[before].word in words.DETERMINERS:
            before -= 1
        gap = before
        while gap >= 0 and tokens[gap].word in words.SEPARATORS and tokens[gap].mention < 0:
            gap -= 1
        if gap == before or gap < 0 or tokens[gap].mention < 0:
            break
        at = gap
        found.insert(0, tokens[at].mention)
    return at, found


def _listed_after(tokens: Sequence[Token], at: int) -> tuple[int, list[int]]:
    """Return the place after a list of mentions that begins here, and the mentions.

    Of names side by side the last is meant: `the Python library requests`.
    """
    found = [tokens[at].mention]
    at += 1
    while (following := _following(tokens, at)) is not None:
        found.append(tokens[following].mention)
        at = following + 1
    return at, found


def _following(tokens: Sequence[Token], at: int) -> int | None:
    """Return the place of the next mention of a list: after up to two nouns, a separator and two more words."""
    separated, unknown = False, 0
    while at < len(tokens) and unknown <= 2:
        token = tokens[at]
        if token.mention >= 0:
            return at if separated else None
        if token.word in words.SEPARATORS:
            separated, unknown = True, 0
        elif token.word in words.STOP or (separated and _is_verb(tokens, at)):
            return None
        else:
            unknown += token.word not in words.FILLERS
        at += 1
    return None


def _link(tokens: Sequence[Token], at: int, links: Collection[str]) -> str:
    for link in links:
        parts = link.split()
        if [token.word for token in tokens[at : at + len(parts)]] == parts:
            return link
    return ""


def _ends_phrase(tokens: Sequence[Token], at: int) -> bool:
    word = tokens[at].word
    if word == "of":
        return at == 0 or tokens[at - 1].word not in words.OF_HEADS
    return (word in words.STOP and word != ":") or (word.endswith("ing") and word not in words.ING_NOUNS)
