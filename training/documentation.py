"""Prose of documentation, and what its mark-up says is code: texts that the encoder learns from before the corpora.

Doc strings of Python and Java, and pages in reStructuredText or Markdown, out of packages as they are published. The
mark-up is taken out of the text and kept as spans: ``x``, `x` and {@code x} are code of some kind, roles such as
:class:`x` and links of Javadoc say of which.
"""

import ast
import re
import sys
from collections.abc import Iterator
from hashlib import blake2b
from itertools import takewhile
from pathlib import Path
from zipfile import ZipFile

sys.path.append(str(Path(__file__).parents[1] / "bench"))

from entity_data import Annotated

from helix_pipeline.domain.entities.recognition.labels import TagSet

CODE, CLASS, FUNCTION, VARIABLE, MODULE, FILE, ELEMENT, COMMAND = (
    *("code", "class", "function", "variable"),
    *("module", "file", "element", "command"),
)
MARKS = TagSet("marks", dict.fromkeys((CODE, CLASS, FUNCTION, VARIABLE, MODULE, FILE, ELEMENT, COMMAND), ("", "")))
"""What mark-up says that a word is."""

WORDS = 100_000
"""Words taken of one package, its first ones."""

LONGEST = 900
"""Characters of a paragraph, at most."""

_ROLES = {
    **dict.fromkeys(("class", "exc", "obj", "type"), CLASS),
    **dict.fromkeys(("func", "meth", "ufunc"), FUNCTION),
    **dict.fromkeys(("attr", "data", "const", "setting", "envvar", "option", "paramref", "param"), VARIABLE),
    **dict.fromkeys(("mod", "module"), MODULE),
    **dict.fromkeys(("file", "filename", "path"), FILE),
    **dict.fromkeys(("guilabel", "menuselection"), ELEMENT),
    **dict.fromkeys(("kbd", "command", "program", "djadmin"), COMMAND),
    **dict.fromkeys(("ttag", "tfilter", "lookup", "code", "samp"), CODE),
}
"""What a role of Sphinx says that its text is."""

_INLINE = re.compile(
    r"``(?P<literal>[^`\n]+?)``"
    r"|:(?P<role>[\w:+.-]+):`(?P<target>[^`]+)`"
    r"|`(?P<linked>[^`<]+?)\s*<[^`>]+>`__?"
    r"|\[(?P<link>[^\]\[]+)\]\([^)\s]*\)"
    r"|`(?P<quoted>[^`\n]+)`_{0,2}"
    r"|<code>(?P<html>[^<]+)</code>"
    r"|\*\*(?P<strong>[^*\n]+)\*\*|(?<![\w*])\*(?P<emphasis>[^*\s][^*\n]*)\*(?![\w*])"
    r"|</?(?:p|a|i|b|ul|li|note|important|br|em|tt)(?:\s[^<>]*)?/?>"
)
_CODE = ("literal", "quoted", "html")
_PLAIN = ("linked", "link", "strong", "emphasis")

_HEADING = re.compile(r"^[^\n]*\n\s*[-=~^\"'*#]{3,}\s*$", re.M)
_BULLET = re.compile(r"^(?:[*+-]|\d+[.)]|#\.)\s+")
_NO_PROSE = (">>>", "..", "|", "=", "-", "+", "$", ":param", ":return", "@", "{", "<")

_JAVADOC = re.compile(r"/\*\*(.*?)\*/", re.S)
_JAVA_TAGS = re.compile(r"^\s*@(?:param|return|throws|since|see|author|deprecated|hide)", re.M)
_JAVA_LINK = re.compile(r"\{@(?:link|linkplain)\s+([^{}\s]*?)(?:\s+([^{}]*))?\}")

_COMMON = "the a is to of and in that it for if with be this on are as not can by you or from an when which will use"


def prose(packages: list[Path]) -> list[Annotated]:
    """Return the different paragraphs of some packages (wheels or jars of sources), with what is marked as code."""
    seen: set[bytes] = set()
    return [one for package in packages for one in _first(_new(_package(package), seen))]


def _first(texts: Iterator[Annotated]) -> Iterator[Annotated]:
    words = 0

    def fits(one: Annotated) -> bool:
        nonlocal words
        words += len(one.text.split())
        return words < WORDS

    return takewhile(fits, texts)


def _new(texts: Iterator[Annotated], seen: set[bytes]) -> Iterator[Annotated]:
    """Yield texts that begin as none did before."""
    for one in texts:
        key = blake2b(re.sub(r"\W+", " ", one.text.lower())[:80].encode(), digest_size=16).digest()
        if key not in seen:
            seen.add(key)
            yield one


def _package(path: Path) -> Iterator[Annotated]:
    with ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            if "/tests/" not in name and "/test_" not in name and "/_vendor" not in name:
                for document in _documents(archive, name):
                    yield from filter(_is_prose, map(unmarked, _paragraphs(document)))


def _documents(archive: ZipFile, name: str) -> Iterator[str]:
    if not name.endswith((".py", ".java", "METADATA", ".md", ".rst")):
        return
    text = archive.read(name).decode("utf-8", "replace")
    if name.endswith(".py"):
        yield from _docstrings(text)
    elif name.endswith(".java"):
        yield from map(javadoc, _JAVADOC.findall(text))
    else:
        yield text


def _docstrings(source: str) -> Iterator[str]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return  # a template, or of an older Python
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            yield ast.get_docstring(node) or ""


def javadoc(comment: str) -> str:
    """Return the text of a comment of Javadoc before its tags, with the mark-up of Sphinx instead of its own."""
    text = re.sub(r"^\s*\*\s?", "", comment, flags=re.M)
    text = _JAVA_TAGS.split(text)[0]
    text = re.sub(r"<pre.*?</pre>", "", text, flags=re.S)
    text = re.sub(r"\{@code\s+([^{}]*)\}", r"``\1``", text)
    text = _JAVA_LINK.sub(_java_link, text)
    text = re.sub(r"<p>|<li>|<br>|<h\d>", "\n\n", text)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&nbsp;", " ")


def _java_link(link: re.Match[str]) -> str:
    target, shown = link[1], re.sub(r"\([^)]*\)", "()", link[2] or link[1])
    role = "meth" if "(" in shown or "#" in target else "class"
    return f":{role}:`{shown.lstrip('#').replace('#', '.')}`"


def _paragraphs(document: str) -> Iterator[str]:
    for block in re.split(r"\n\s*\n", _HEADING.sub("\n", document)):
        lines = [line for line in block.split("\n") if line.strip()]
        text = _BULLET.sub("", " ".join(" ".join(line.split()) for line in lines))
        hanging = len({len(line) - len(line.lstrip()) for line in lines}) > 1
        if not (text.startswith(_NO_PROSE) or ">>>" in text or (hanging and " : " in text)):
            yield re.sub(r"::$", ":", text).replace("\\", "")


def unmarked(paragraph: str) -> Annotated:
    """Return the text of a paragraph without its mark-up, with what that says as spans."""
    parts, spans, size, last = [], [], 0, 0
    for found in _INLINE.finditer(paragraph):
        shown, kind = _shown(found)
        parts += [paragraph[last : found.start()], shown]
        size += found.start() - last
        if kind and shown:
            spans.append((size, size + len(shown), kind))
        size, last = size + len(shown), found.end()
    return Annotated("".join([*parts, paragraph[last:]]), spans)


def _shown(found: re.Match[str]) -> tuple[str, str]:
    """Return the text that mark-up is for, and what it says of it, which may be nothing."""
    groups = found.groupdict()
    if groups["role"]:
        return _of_role(groups["role"].split(":")[-1], groups["target"])
    code = next((groups[name] for name in _CODE if groups[name]), "")
    plain = next((groups[name] for name in _PLAIN if groups[name]), "")
    return " ".join((code or plain).split()), CODE if code else ""


def _of_role(role: str, target: str) -> tuple[str, str]:
    kind, titled = _ROLES.get(role, ""), re.fullmatch(r"(.+?)\s*<[^<>]+>", target, re.S)
    shown = " ".join((titled[1] if titled else target).split())
    if shown.startswith("~"):
        shown = shown.rpartition(".")[2] or shown
    shown = re.sub(r"^[!~.]*(?:_\w+\.)?", "", shown)
    if titled and " " in shown:
        return shown, ""
    called = role in ("func", "meth") and shown and not shown.endswith(")") and len(shown) % 2
    return (f"{shown}()" if called else shown), kind


def _is_prose(text: Annotated) -> bool:
    words = re.findall(r"[A-Za-z]{2,}", text.text)
    if len(words) < 8 or len(text.text) > LONGEST:
        return False
    common = frozenset(_COMMON.split())
    letters = sum(one.isalpha() or one == " " for one in text.text) / len(text.text)
    return letters > 0.8 and sum(word.lower() in common for word in words) / len(words) > 0.2
