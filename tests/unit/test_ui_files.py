"""The files of the pages as they are sent: from a fixed list, with a policy that lets a browser load nothing else."""

import re

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from helix_pipeline.api.ui.files import LIBRARY, PAGES, names, page_file
from helix_pipeline.api.ui.routes import POLICY, START, graph_router, router

OWN = sorted(names() - {LIBRARY})


@pytest.fixture(scope="module")
def client() -> TestClient:
    app = FastAPI()
    app.include_router(router)
    app.include_router(graph_router)
    return TestClient(app, base_url="http://127.0.0.1")


@pytest.mark.parametrize("path", [*PAGES, *(f"/ui/static/{name}" for name in OWN)])
def test_each_file_comes_with_its_type_and_the_policy(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    types = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
    assert answer.headers["content-type"].split(";")[0] == types.get(re.split(r"[./]", path)[-1], "text/html")
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_policy_allows_this_server_alone() -> None:
    sources = {word for rule in POLICY.split("; ") for word in rule.split()[1:]}
    assert sources == {"'self'", "'none'"}
    assert POLICY.startswith("default-src 'none'")


@pytest.mark.parametrize("path", PAGES)
def test_a_known_file_is_not_sent_again(client: TestClient, path: str) -> None:
    first = client.get(path)
    etag = first.headers["etag"]
    for known in (etag, f'"other", W/{etag}'):
        again = client.get(path, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        *PAGES.values(),
        "files.py",
        "..%2Ffiles.py",
        "%2e%2e/files.py",
        "/etc/passwd",
        "%2Fetc%2Fpasswd",
        "main.js%00",
        "",
    ],
)
def test_nothing_else_is_sent(client: TestClient, name: str) -> None:
    assert client.get(f"/ui/static/{name}").status_code == 404


@pytest.mark.parametrize("path", ["/", "/ui/"])
def test_who_names_no_page_is_led_to_the_status(client: TestClient, path: str) -> None:
    assert client.get(path, follow_redirects=False).headers["location"] == START


@pytest.mark.parametrize("name", [*PAGES.values(), *OWN])
def test_no_file_names_another_server_or_runs_markup(name: str) -> None:
    text = page_file(name).content.decode()
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text)
    assert not re.search(r"<[^>]+\s(on\w+|style)=", text)
    assert "<script>" not in text


def test_every_import_and_link_is_in_the_list() -> None:
    wanted = set()
    for name in (*PAGES.values(), *OWN):
        text = page_file(name).content.decode()
        wanted |= set(re.findall(r'from "\./([^"]+)"|/ui/static/([\w.-]+)', text))
    assert {first or second for first, second in wanted} == names()
