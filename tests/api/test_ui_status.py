"""The page `/ui` in headless Chromium over real servers: what it shows, and what it does when they go away."""

import time
from collections.abc import Iterator
from itertools import pairwise

import pytest
from api_process import Api, running
from browser import Browser, chromium
from legible import BEYOND, contrast, luminance
from status_page import STREAM, StatusPage, cancelled_job, older_api, own_clickhouse, reported_stream

from helix_pipeline.local import servers
from helix_pipeline.settings import Settings

pytestmark = pytest.mark.servers

OFTEN_S = 5
SLACK_MS = 400
"""How far from a change of tabs a request may begin that belongs to it."""

WIDE, PHONE = (1280, 900), (360, 740)
POLLED = """
const [every, done] = arguments;
import("/ui/static/poll.js").then(({ Poll }) => {
  const at = [];
  const refusal = () => { at.push(performance.now()); return Promise.reject({ status: 0 }); };
  new Poll(refusal, { every, show: () => {}, fail: () => at.length === 5 && done(at) });
});
"""

SEEN = """
window.seen = [];
document.addEventListener("visibilitychange", () => seen.push(performance.now()));
"""
ASKED = """
const asked = performance.getEntriesByType("resource").filter((one) => one.name.includes("/v1/bigdata/health"));
const after = asked.map((one) => one.startTime);
return seen.length === 2 && after.some((at) => at > seen[1] - 400) ? [seen, after] : null;
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture(scope="module")
def stores(
    browser: Browser, api_settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Settings, Settings]]:
    """Settings of a ClickHouse that may be stopped, and of the API; not started where there is no browser."""
    with own_clickhouse(api_settings, tmp_path_factory.mktemp("status")) as made, reported_stream(api_settings):
        yield made


@pytest.fixture(scope="module")
def api(stores: tuple[Settings, Settings]) -> Iterator[Api]:
    with running(Api(stores[1])) as found:
        yield found


@pytest.fixture
def page(browser: Browser, api: Api) -> StatusPage:
    browser.show(*WIDE)
    browser.complaints()
    return StatusPage(browser, api.url)


def test_it_shows_components_stores_and_streams(page: StatusPage) -> None:
    page.open()
    assert page.browser.one('.card[data-name="infinite_context"] .badge').get_attribute("data-status") == "healthy"
    assert {page.status(store) for store in ("kafka", "clickhouse", "neo4j", "postgres")} == {"connected"}
    assert page.rows("streams") == [f"{STREAM['query']}● running1,235770.8\u00a0s"]
    assert page.browser.complaints() == []


def test_it_shows_providers_with_how_they_went(page: StatusPage) -> None:
    page.open()
    names = page.browser.texts("#providers tbody th")
    requests = page.browser.texts("#providers tbody td:nth-child(2)")
    assert (sorted(names), requests) == (["acme", "globex"], ["30", "30"])
    lines = page.browser.run("return [...document.querySelectorAll('.spark polyline')].map((e) => e.points.length)")
    assert len(lines) == 2 and all(points >= 1 for points in lines)
    assert all("p95 from" in line.get_attribute("aria-label") for line in page.browser.all(".spark"))


def test_it_shows_jobs_and_this_server(page: StatusPage, api: Api) -> None:
    job_id = cancelled_job(api)
    page.open()
    assert page.browser.one(f'#jobs [title="{job_id}"]').text == "ProviderPerformance"
    page.browser.one("#jobs .badge", "cancelled")
    assert "free" in page.browser.one("#system dd", "free").text


def test_a_store_that_stops_is_shown_and_said(page: StatusPage, stores: tuple[Settings, Settings]) -> None:
    page.open()
    servers.down(stores[0], ["clickhouse"])
    try:
        page.browser.until(lambda: page.status("clickhouse") == "unreachable", "ClickHouse away")
        assert "clickhouse is unreachable" in page.browser.one("#said", "clickhouse").text
        page.open()
        page.browser.one("#providers .hint", "ClickHouse is away")
    finally:
        servers.up(stores[0], ["clickhouse"])
    page.browser.until(lambda: page.status("clickhouse") == "connected", "ClickHouse back")


def test_an_api_that_stops_is_said_to_be_away_since_when(page: StatusPage, api: Api) -> None:
    page.open()
    api.stop()
    try:
        note = page.browser.one("#standing:not([hidden])")
        assert "The API is away: no answer since" in note.text and note.find_element("css selector", "time")
        assert page.rows("jobs") and page.browser.one("#jobs .old")
    finally:
        api.start()
    page.browser.until(lambda: not page.browser.all("#standing:not([hidden])"), "the API back")


def test_it_asks_less_and_less_often_after_errors(page: StatusPage) -> None:
    page.open()
    at = page.browser.driver.execute_async_script(POLLED, 40)
    pauses = [after - before for before, after in pairwise(at)]
    assert all(pause >= least for pause, least in zip(pauses, (79, 159, 319, 639), strict=True)), pauses


def test_it_asks_nothing_while_hidden_and_at_once_when_seen_again(page: StatusPage) -> None:
    page.open()
    driver, first = page.browser.driver, page.browser.driver.current_window_handle
    page.browser.run(SEEN)
    driver.switch_to.new_window("tab")
    time.sleep(2 * OFTEN_S)
    driver.close()
    driver.switch_to.window(first)
    (hidden, shown), asked = page.browser.until(lambda: page.browser.run(ASKED), "a request after that")
    assert shown - hidden > 1.5 * OFTEN_S * 1000
    assert [at for at in asked if hidden + SLACK_MS < at < shown - SLACK_MS] == []
    assert any(abs(at - shown) < SLACK_MS for at in asked)


def test_it_can_be_paused(page: StatusPage) -> None:
    page.open()
    page.browser.one("#pause").click()
    asked = page.asked("/v1/bigdata/health")
    time.sleep(1.5 * OFTEN_S)
    assert page.asked("/v1/bigdata/health") == asked
    page.browser.one("#pause[aria-pressed=true]").click()
    page.browser.until(lambda: page.asked("/v1/bigdata/health") == asked + 1, "a request at once")


def test_an_api_without_these_calls_is_said_to_lack_them(browser: Browser) -> None:
    browser.show(*WIDE)
    with older_api() as url:
        page = StatusPage(browser, url)
        page.open()
        notes = browser.texts(".age")
        assert len(notes) == 5 and all("no answer yet" in note for note in notes)
        assert all("Not Found" in note for note in notes)
        assert not browser.one("#standing").is_displayed()
    browser.complaints()


def test_a_phone_scrolls_down_only(page: StatusPage) -> None:
    page.browser.show(*PHONE)
    page.open()
    assert page.browser.run("return document.documentElement.scrollWidth") <= PHONE[0]
    assert page.browser.run(BEYOND) == []


@pytest.mark.parametrize("dark", [False, True])
def test_it_can_be_read_in_light_and_dark(page: StatusPage, dark: bool) -> None:
    page.browser.show(*WIDE, dark=dark)
    page.open()
    ground = luminance(page.browser, "section", "backgroundColor")
    assert (ground < luminance(page.browser, "h2", "color")) == dark
    for selector in ("h2", ".age", ".badge", ".bar a", "#providers td", "thead th", "dt"):
        assert contrast(luminance(page.browser, selector, "color"), ground) >= 4.5, selector
    for level in ("good", "fair", "bad"):
        page.browser.run("document.querySelector('.badge').dataset.level = arguments[0]", level)
        assert contrast(luminance(page.browser, ".badge", "color"), ground) >= 4.5, level


def test_what_it_is_made_of_has_names_and_roles(page: StatusPage) -> None:
    page.browser.show(*PHONE)
    page.open()
    tree = page.browser.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    roles = [node["role"]["value"] for node in tree]
    assert {"banner", "main", "navigation", "table", "columnheader", "rowheader", "cell"} <= set(roles)
    assert roles.count("region") == 5
    focusable = [node for node in tree if any(one["name"] == "focusable" for one in node.get("properties", ()))]
    own = [node for node in focusable if node["role"]["value"] not in ("RootWebArea", "main")]
    assert len(own) >= 4 and all(node["name"]["value"] for node in own)


def test_the_keyboard_reaches_all_that_can_be_done(page: StatusPage) -> None:
    page.open()
    page.browser.run("document.activeElement.blur()")
    reached = []
    for _ in range(4):
        page.browser.press("TAB")
        reached.append(page.browser.run("return document.activeElement.textContent"))
    assert reached == ["Skip to the status", "Knowledge graph", "API", "Pause"]
    page.browser.press("SPACE")
    page.browser.one("#pause[aria-pressed=true]")


def test_it_loads_and_asks_nothing_from_elsewhere(page: StatusPage) -> None:
    page.open()
    loaded = page.browser.run("return performance.getEntriesByType('resource').map((one) => one.name)")
    assert len(loaded) > 10 and all(one.startswith(f"{page.url}/") for one in loaded)
    assert page.browser.complaints() == []
