"""Makes pictures for docs/: `make screenshots`, after `make demo`, shows the pages of the API over what is there."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from api_process import Api, running
from browser import Browser, chromium
from ports import free_ports
from status_page import StatusPage

from helix_pipeline.settings import load

FOLDER = Path(__file__).parents[1] / "docs"
SIZE = (1360, 860)
SCALES = (2, 1.5, 1)
MOST_BYTES = 300_000
PAUSE_S = 120


def main() -> None:
    """Start an API of its own on the servers that run, and write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entity", help="id, name or alias; default: the one that is mentioned most")
    wanted = parser.parse_args().entity
    settings = load(flags={"api.port": free_ports(1)[0]})
    with TemporaryDirectory() as folder, chromium(Path(folder)) as browser, running(Api(settings)) as api:
        written("graph", sharpest(browser, lambda: show_graph(browser, api.url, wanted or most_mentioned(api.url))))
        written("status", sharpest(browser, lambda: show_status(browser, api.url)))


def written(name: str, picture: bytes) -> None:
    """Write a picture, and say so."""
    path = FOLDER / f"{name}.png"
    path.write_bytes(picture)
    sys.stdout.write(f"{path}: {len(picture):,} bytes\n")


def most_mentioned(url: str) -> str:
    """Return the id of the entity that is mentioned most."""
    answer = httpx.get(f"{url}/v1/knowledge/subgraph", params={"limit": 1}, timeout=PAUSE_S).raise_for_status()
    return str(answer.json()["nodes"][0]["id"])


def sharpest(browser: Browser, show: Callable[[], None]) -> bytes:
    """Return the picture of what is shown as PNG, as sharp as its size allows."""
    pictures = []
    for scale in SCALES:
        browser.show(*SIZE, scale=scale)
        show()
        pictures.append(browser.driver.get_screenshot_as_png())
    return next((one for one in pictures if len(one) <= MOST_BYTES), pictures[-1])


def show_graph(browser: Browser, url: str, entity: str) -> None:
    """Open the page of an entity, and wait for its messages."""
    browser.open(f"{url}/ui/graph#{httpx.QueryParams(entity=entity)}")
    browser.one("#panel .message:not([aria-busy])")
    browser.until(lambda: not browser.all("#panel [aria-busy]"), "all messages of the panel")


def show_status(browser: Browser, url: str) -> None:
    """Open the page of the status, and wait for its parts."""
    StatusPage(browser, url).open()


if __name__ == "__main__":
    main()
