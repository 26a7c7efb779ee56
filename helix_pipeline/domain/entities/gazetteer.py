"""The list that ships with the project: the entities of gazetteer.tsv, found by Aho-Corasick.

Case is ignored unless the list says otherwise, words match whole (Java is not in JavaScript), and of matches
that overlap the one that begins first wins, then the longest. The list is columns of name, type, sub-type and
`|`-separated aliases; a form may begin with a marker for words that are also everyday English:
`=Rust` matches in this case only, `~Go` in this case only and never as the first word of a sentence.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from importlib import resources

import pyarrow as pa
from ahocorasick_rs import AhoCorasick, Implementation, MatchKind

from helix_pipeline.domain.entities.recogniser import Span, spans

TYPES = frozenset({"TECH", "CONCEPT", "PRODUCT", "ORGANIZATION", "LOCATION", "PERSON", "EVENT"})
CONFIDENCE = {"": 0.95, "=": 0.9, "~": 0.8}
"""Confidence of a match by the marker of its form: the more everyday the word, the less."""

_SKIPPED_BACK = " \t\"'`(*_-"
_SENTENCE_ENDS = ".!?:;\n\r"
_FIRST_COMBINING = "\u0300"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entity of the list. `forms` are (marker, surface form) pairs, the canonical name first."""

    id: str
    name: str
    type: str
    subtype: str
    forms: tuple[tuple[str, str], ...]


_Form = tuple[Entry, str, str]
"""Entity, marker and surface form."""

_Span = tuple[int, int, _Form]


class Gazetteer:
    """Finds the entities of a list. Built once, read-only afterwards, safe to share between threads."""

    def __init__(self, table: str) -> None:
        """Build the automaton from a table in the format of gazetteer.tsv.

        Raises ValueError naming the line where an entry is malformed or a form belongs to two entities.
        """
        self.version = f"gazetteer-{blake2b(table.encode(), digest_size=6).hexdigest()}"
        self.entries = {entry.id: entry for entry in parse(table)}
        found = {
            surface.lower(): (entry, marker, surface)
            for entry in self.entries.values()
            for marker, surface in entry.forms
        }
        self._forms: list[_Form] = list(found.values())
        self._automaton = AhoCorasick(found, matchkind=MatchKind.Standard, implementation=Implementation.DFA)

    def recognise(self, texts: Sequence[str]) -> pa.Table:
        """Return the entities that the texts name, as `SPANS`."""
        return spans(self.claims(texts))

    def claims(self, texts: Sequence[str]) -> Iterator[Span]:
        """Yield the entities that the texts name, by text and place."""
        for row, text in enumerate(texts):
            for start, end, (entry, marker, _) in self._spans(text):
                yield Span(row, start, end, text[start:end], entry.type, entry.subtype, CONFIDENCE[marker])

    def _spans(self, text: str) -> list[_Span]:
        lowered = lower(text)
        length = len(lowered)
        kept: list[_Span] = []
        for number, start, end in self._automaton.find_matches_as_indexes(lowered, overlapping=True):
            if start and _continues_word(lowered[start - 1]):
                continue
            if end < length and _continues_word(lowered[end]):
                continue
            form = self._forms[number]
            if form[1] and not _as_marked(text, start, end, form):
                continue
            # Matches come by their end, so those kept that do not begin before this one lie within it.
            before = len(kept)
            while before and kept[before - 1][0] >= start:
                before -= 1
            if not before or kept[before - 1][1] <= start:
                kept[before:] = [(start, end, form)]
        return kept


def load() -> Gazetteer:
    """Return the gazetteer that ships with the project."""
    return Gazetteer(resources.files(__package__).joinpath("gazetteer.tsv").read_text(encoding="utf-8"))


def lower(text: str) -> str:
    """Lower-case `text` so that offsets stay: a character that would become two, as `İ`, is kept."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(small if len(small := character.lower()) == 1 else character for character in text)


def slug(name: str) -> str:
    """Return the name as it stands in an id: `C++` is `cpp`, `C#` is `c-sharp`, `.NET` is `dot-net`."""
    spelled = name.lower().replace("+", "p").replace("#", "-sharp").replace("&", "-and-")
    spelled = re.sub(r"^\.", "dot-", spelled)
    return re.sub(r"[^\w]+", "-", spelled).strip("-")


def parse(table: str) -> Iterator[Entry]:
    """Yield the entries of a table. Raises ValueError as described at `Gazetteer`."""
    owners: dict[str, str] = {}
    ids: set[str] = set()
    for number, line in enumerate(table.splitlines(), start=1):
        if not line or line.startswith("#"):
            continue
        entry = _entry(line, number)
        for key in [surface.lower() for _, surface in entry.forms]:
            if owners.setdefault(key, entry.id) != entry.id:
                raise ValueError(f"gazetteer line {number}: {key!r} already belongs to {owners[key]}")
        if entry.id in ids:
            raise ValueError(f"gazetteer line {number}: {entry.id} is listed twice")
        ids.add(entry.id)
        yield entry


def _entry(line: str, number: int) -> Entry:
    fields = line.split("\t")
    if len(fields) != 4 or fields[1] not in TYPES:
        raise ValueError(f"gazetteer line {number}: expected name, type, sub-type, aliases with a known type: {line!r}")
    canonical, kind, subtype, aliases = fields
    forms = tuple(_marked(form) for form in [canonical, *filter(None, aliases.split("|"))])
    if not all(surface and surface == surface.strip() for _, surface in forms):
        raise ValueError(f"gazetteer line {number}: an empty or padded form: {line!r}")
    name = forms[0][1]
    return Entry(f"{kind.lower()}:{slug(name)}", name, kind, subtype, forms)


def _marked(form: str) -> tuple[str, str]:
    return (form[0], form[1:]) if form[:1] in {"=", "~"} else ("", form)


def _continues_word(character: str) -> bool:
    if character.isalnum() or character == "_":
        return True
    return character >= _FIRST_COMBINING and unicodedata.combining(character) != 0


def _as_marked(text: str, start: int, end: int, form: _Form) -> bool:
    if text[start:end] != form[2]:
        return False
    return form[1] != "~" or not _opens_sentence(text, start)


def _opens_sentence(text: str, start: int) -> bool:
    while start and text[start - 1] in _SKIPPED_BACK:
        start -= 1
    return not start or text[start - 1] in _SENTENCE_ENDS
