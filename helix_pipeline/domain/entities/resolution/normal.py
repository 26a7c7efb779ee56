"""The normal form of a name: what stays when case, accents, separators and marks are no difference.

Unicode's compatibility form (UAX #15) and case folding (section 3.13 of the standard) come first, so that full-width
letters, ligatures and capitals fall together; accents fall only on Latin letters, because other scripts write vowels
and distinct letters with them.
"""

import re
import unicodedata
from hashlib import blake2b
from html import unescape
from itertools import pairwise

MAX_SURFACE = 512
"""Characters of a surface that are read: nothing is named by more, and an index of names has to hold it."""
MAX_ID = 128
"""Characters of a key that stand in an id as they are; of a longer key, the last are replaced by a digest of it."""

UNREADABLE = "\ufffd"
"""What stands for a surface without any visible character."""

_LATIN = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "\u0131": "i", "þ": "th", "ħ": "h"}
)
_QUOTES = dict.fromkeys(map(ord, "\u2018\u2019\u201a\u201b\u0060\u2032"), "'")
_MARKS = "\"'\u201c\u201d\u201e\u00ab\u00bb\u2039\u203a\u2013\u2014_~^,;:!?¡¿|\\/-=<> "
_PAIRS = {"(": ")", "[": "]", "{": "}", "*": "*"}
_TAG = re.compile(r"^[#@]+(?=\w)")
_INVISIBLE = frozenset({"Cf", "Cs", "Cc"})
_VARIATION = "\ufe0e\ufe0f"
_WORD = re.compile(r"[^\s+#*]+(?:\+\+|[+#*](?![^\s+#*]))*")


def clean(surface: str) -> str:
    """Return the name within a surface: without quotes, brackets, sentence marks, and a `#` or `@` before it.

    Cleaning twice changes nothing more. Never empty: of a surface that is nothing but marks, the marks stay, and
    `UNREADABLE` stands for one that shows nothing.
    """
    text = visible(surface)
    while (shorter := _stripped(text)) != text:
        text = shorter
    return text


def visible(surface: str) -> str:
    """Return the text of a surface as it looks: composed, without invisible characters, with single spaces.

    At most `MAX_SURFACE` characters, and never empty: `UNREADABLE` stands for a surface that shows nothing.
    """
    text = surface[:MAX_SURFACE]
    while True:
        composed = unicodedata.normalize("NFKC", unescape(text).translate(_QUOTES))
        shown = " ".join("".join(map(_shown, composed)).split())[:MAX_SURFACE].rstrip()
        if shown == text:
            return text or UNREADABLE
        text = shown


def fold(name: str, joined: bool = True) -> str:
    """Return the normal form of a cleaned name.

    Separators fall (`VS Code` and `vs-code` are `vscode`), but between digits one stays as `-`, and with `joined` false
    between words as well. Of symbols, those stay that tell names apart: `+`, `#` and `*` after a letter, a leading `.`;
    a name of symbols alone stays as it is. Never empty.
    """
    text = _without_accents(unicodedata.normalize("NFKC", name.replace("'", "").casefold()))
    words = _words(text.replace("&", " and "))
    if not words:
        return text.strip() or name
    key = words[0]
    for before, word in pairwise(words):
        apart = not joined or (before[-1].isdigit() and word[0].isdigit())
        key += f"-{word}" if apart else word
    return "." + key if _opens_with_dot(text) else key


def identifier(type: str, key: str) -> str:
    """Return the id of an entity that no list knows: the type, `:`, and at most `MAX_ID` characters."""
    spelled = _spelled(key)
    if len(spelled) > MAX_ID:
        digest = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        spelled = f"{spelled[: MAX_ID - len(digest) - 1]}-{digest}"
    return f"{type.lower()}:{spelled}"


def _shown(character: str) -> str:
    if character.isspace():
        return " "
    return "" if unicodedata.category(character) in _INVISIBLE or character in _VARIATION else character


def _stripped(text: str) -> str:
    bare = text.strip(_MARKS).rstrip(".…")
    if len(bare) > 1 and bare[-1] == _PAIRS.get(bare[0]):
        bare = bare[1:-1]
    return _TAG.sub("", bare).strip() or text


def _without_accents(text: str) -> str:
    if text.isascii():
        return text
    kept: list[str] = []
    base = ""
    for character in unicodedata.normalize("NFD", text):
        if not unicodedata.combining(character):
            base = character
        elif base and _is_latin(base):
            continue
        kept.append(character)
    return unicodedata.normalize("NFKC", "".join(kept).translate(_LATIN))


def _is_latin(character: str) -> bool:
    return character.isascii() or unicodedata.name(character, "").startswith("LATIN")


def _words(text: str) -> list[str]:
    """Return the runs of letters, digits and marks, each with the symbols after it that are part of a name."""
    return [match.group() for match in _WORD.finditer("".join(c if _in_word(c) else " " for c in text))]


def _in_word(character: str) -> bool:
    return character in "+#*" or unicodedata.category(character)[0] in "LNM"


def _opens_with_dot(text: str) -> bool:
    return len(text) > 1 and text[0] == "." and text[1].isalpha()


def _spelled(key: str) -> str:
    if not any(c.isalnum() for c in key):
        return "-".join(f"u{ord(c):x}" for c in key)
    spelled = key.replace("+", "p").replace("#", "-sharp").replace("*", "-star")
    return "dot-" + spelled[1:] if spelled[0] == "." else spelled
