"""The files that the pages are made of: our own out of the package, the graph library out of its jar."""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from importlib import resources
from zipfile import ZipFile

from helix_pipeline.local.jars import jar_paths

PAGES = {"/ui": "status.html", "/ui/graph": "graph.html"}
"""Where a page is -> its file."""

LIBRARY = "cytoscape.mjs"
_IN_JAR = "/dist/cytoscape.esm.min.mjs"
_MEDIA_TYPES = {
    "html": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "mjs": "text/javascript",
    "svg": "image/svg+xml",
}
_FOLDER = resources.files(__package__) / "static"


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file as it is sent; `etag` is quoted, as the header wants it."""

    content: bytes
    media_type: str
    etag: str


@lru_cache(maxsize=1)
def names() -> frozenset[str]:
    """Return the names of all files that a browser may ask for, the pages themselves left out."""
    own = {entry.name for entry in _FOLDER.iterdir() if entry.name.rpartition(".")[2] in _MEDIA_TYPES}
    return frozenset(own - {*PAGES.values()} | {LIBRARY})


@lru_cache(maxsize=64)
def page_file(name: str) -> PageFile:
    """Return a file of `names()`, or a page. Raises ToolchainError where the library's jar cannot be had."""
    content = _library() if name == LIBRARY else (_FOLDER / name).read_bytes()
    media_type = _MEDIA_TYPES[name.rpartition(".")[2]]
    return PageFile(content, media_type, f'"{sha256(content).hexdigest()[:32]}"')


def _library() -> bytes:
    """Read the library, as an ES module, out of the jar that `helix jars` fetched; it is fetched here if it was not."""
    (jar,) = jar_paths("page")
    with ZipFile(jar) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(_IN_JAR)]
        return archive.read(name)
