"""What a surface may carry around a name: an article, a title, a legal form, an acronym in brackets, a version."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from helix_pipeline.domain.entities.resolution.normal import clean
from helix_pipeline.domain.entities.types import ORGANIZATION, PERSON


class Reading(NamedTuple):
    """A surface read as a shorter name, and what was left out for it, in the order it was."""

    name: str
    left_out: tuple[str, ...]


class Versioned(NamedTuple):
    """A name and the version after it; `joint` is what stands between them."""

    name: str
    joint: str
    number: str

    @property
    def is_certain(self) -> bool:
        """Say whether this is a version whatever the name: `Foo 2.1` and `Foo v2` are, `Layer 4` may not be."""
        stated = any(character.isalpha() for character in self.joint)
        return stated or (self.joint.isspace() and "." in self.number)

    @property
    def is_plausible(self) -> bool:
        """Say whether this is a version if the name is one of something that has versions: `python3`, but not `S3`."""
        shortest = _SHORTEST_DOTTED if "." in self.number else _SHORTEST_GLUED
        return bool(self.joint) or self.name.endswith(("+", "#")) or len(self.name) >= shortest


_SHORTEST_GLUED, _SHORTEST_DOTTED = 3, 2
"""Letters of a name that digits may follow without a space and be its version: `php7` and `go1.21`, not `S3`."""

_POSSESSIVE = re.compile(r"'s$", re.IGNORECASE)
_ARTICLE = re.compile(r"^the\s+(?=\S)", re.IGNORECASE)
_TITLES = (
    "dr doctor prof professor mr mrs ms miss mx sir dame madam president senator sen congressman congresswoman "
    "representative governor gov mayor minister chancellor general gen captain capt colonel col sergeant sgt "
    "lieutenant lt major reverend rev judge attorney herr frau monsieur madame señor señora dipl-ing"
)
_TITLE = re.compile(rf"^(?:{'|'.join(_TITLES.split())})\b\.?\s+(?=\S)", re.IGNORECASE)
_AFTER_PERSON = re.compile(r"(?<=\S)(?:,?\s+(?:jr|sr|ph\.?d|m\.?d|m\.?sc|b\.?sc|esq|mba)\.?)$", re.IGNORECASE)
_LAST_FIRST = re.compile(r"^([^\s,]+(?: [^\s,]+)?),\s*([^,]+)$")
_FORMS = (
    r"inc incorporated llc ltd limited corp corporation co company gmbh ag se sa s\.a sas sarl nv n\.v bv b\.v ab oy "
    r"oyj asa a/s aps plc llp lp kg kgaa ohg ug spa s\.p\.a srl s\.r\.l pty pvt private pte kk k\.k l\.l\.c"
)
_LEGAL_FORM = re.compile(rf"(?<=\S)(?:,|\s*&|\s+and)?\s+(?:{'|'.join(_FORMS.split())})\.?$", re.IGNORECASE)
_DOMAIN = re.compile(r"(?<=\w\w)\.(?:com|org|net|io|ai)$", re.IGNORECASE)
_ACRONYM = re.compile(r"(?<=\S)\s*\((?:[A-Z][A-Za-z0-9&/.-]{1,9})\)$")
_OF_ALL = (("possessive", _POSSESSIVE), ("article", _ARTICLE), ("acronym in brackets", _ACRONYM))
_OF_TYPE = {
    PERSON: (("title", _TITLE), ("title", _AFTER_PERSON)),
    ORGANIZATION: (("legal form", _LEGAL_FORM), ("domain", _DOMAIN)),
}
_VERSION = re.compile(
    r"""^(?P<name>.*?)
    (?P<joint>|\s|[-_/]|[\s\-_/,]*\(?\b(?:version|release|ver|v)\b[\s.]*|[\s\-_/]\(?v)
    (?P<number>\d{1,2}|(?:19|20)\d\d|\d{1,4}(?:\.\d{1,6}){1,4}(?:_\d+)?|\d{1,4}(?:\.\d{1,6}){0,3}\.x)
    (?:[-.]?(?:(?:rc|alpha|beta|final|ga|release|snapshot|lts|sp)[-.]?\d{0,3}|[ab]\d))?\+?(?:\s(?:lts|pro))?\)?$""",
    re.IGNORECASE | re.VERBOSE,
)
_LONGEST_VERSIONED = 80
"""Characters of a name that is read for a version: what is longer is a sentence."""


def readings(name: str, type: str) -> Iterator[Reading]:
    """Yield the readings of a cleaned name, each shorter than the one before: the first is the name itself."""
    reading: Reading | None = Reading(name, ())
    while reading:
        yield reading
        reading = _shorter(reading, type)


def version(name: str) -> Versioned | None:
    """Return the name and the version that a cleaned name ends with, or None where it ends with none."""
    match = _VERSION.match(name) if len(name) <= _LONGEST_VERSIONED else None
    if match is None or not any(character.isalpha() for character in match["name"]):
        return None
    return Versioned(clean(match["name"]), match["joint"], match["number"])


def _shorter(reading: Reading, type: str) -> Reading | None:
    for reason, pattern in (*_OF_ALL, *_OF_TYPE.get(type, ())):
        shorter = pattern.sub("", reading.name)
        if shorter != reading.name:
            return Reading(clean(shorter), (*reading.left_out, reason))
    turned = _LAST_FIRST.match(reading.name) if type == PERSON else None
    return turned and Reading(clean(f"{turned[2]} {turned[1]}"), (*reading.left_out, "last name first"))
