"""The page `/ui/graph` in headless Chromium: what is drawn, read and clicked; hostile names; every kind of screen."""

from collections.abc import Iterator
from itertools import combinations

import pytest
from api_process import Api, running
from browser import Browser, chromium
from graph_page import COMMUNITIES, CONVERSATION, HOSTILE, SAID, GraphPage, add_messages, small_graph
from legible import BEYOND, contrast, luminance
from ports import free_ports

from helix_pipeline.settings import Settings
from helix_pipeline.stores.graph import Graph, driver, open_graph
from helix_pipeline.stores.graph_snapshot import write_snapshot
from helix_pipeline.stores.lake import open_lake

pytestmark = pytest.mark.servers

PATIENCE_S = 30
WIDE, PHONE = (1280, 800), (390, 844)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture(scope="module")
def graph(browser: Browser, api_settings: Settings) -> Iterator[Graph]:
    """Neo4j with the small graph; not started where there is no browser."""
    with small_graph(api_settings):
        yield open_graph(api_settings)


@pytest.fixture(scope="module")
def url(graph: Graph, api_settings: Settings) -> Iterator[str]:
    """An API of the module's own on the small graph."""
    changed = {
        "api": api_settings.api.model_copy(update={"port": free_ports(1)[0]}),
        "neo4j": api_settings.neo4j.model_copy(update={"read_timeout_s": PATIENCE_S}),
    }
    with running(Api(api_settings.model_copy(update=changed))) as found:
        add_messages(found.url)
        yield found.url


@pytest.fixture(scope="module")
def away(graph: Graph, api_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An API whose Neo4j is away, with a snapshot of the small graph."""
    ports = free_ports(2)
    changed = {
        "api": api_settings.api.model_copy(update={"port": ports[0]}),
        "neo4j": api_settings.neo4j.model_copy(update={"uri": f"bolt://127.0.0.1:{ports[1]}"}),
        "lake": api_settings.lake.model_copy(update={"root": str(tmp_path_factory.mktemp("snapshot").resolve())}),
    }
    settings = api_settings.model_copy(update=changed)
    with driver(graph) as connection:
        write_snapshot(connection, graph, open_lake(settings))
    with running(Api(settings)) as found:
        yield found.url


@pytest.fixture
def page(browser: Browser, url: str) -> GraphPage:
    browser.show(*WIDE)
    browser.complaints()
    return GraphPage(browser, url)


def test_a_search_draws_the_neighbourhood(page: GraphPage) -> None:
    page.open()
    page.browser.one("#search-input").send_keys("quillb")
    page.browser.one("#search-list [role=option]", "Quillbase")
    page.browser.press("ARROW_DOWN", "ENTER")
    page.title("Quillbase")
    assert page.shown() == {"quillbase", "zephyrd", "mirela", *HOSTILE}
    assert ("quillbase", "zephyrd", "uses") in page.lines()
    assert ("quillbase", "zephyrd", "co_occurs_with") in page.lines()
    assert page.picture("cy.$('node:selected').map((node) => node.id())") == ["quillbase"]
    assert page.browser.complaints() == []


def test_enter_takes_the_first_that_is_found_however_fast(page: GraphPage) -> None:
    page.open()
    page.browser.one("#search-input").send_keys("harbortn")
    page.browser.press("ENTER")
    page.title("Harbourton")


def test_a_click_on_an_entity_expands_it(page: GraphPage) -> None:
    page.open("farlight")
    assert page.shown() == {"farlight", "harbourton"}
    page.click_entity("harbourton")
    page.title("Harbourton")
    page.browser.until(lambda: page.shown() == {"farlight", "harbourton", "zephyrd"}, "the neighbours of Harbourton")
    page.browser.one(".actions button", "Collapse").click()
    page.browser.until(lambda: page.shown() == {"harbourton"}, "Harbourton alone")


def test_a_click_on_a_line_shows_the_message_that_says_it(page: GraphPage) -> None:
    page.open("quillbase")
    page.click_relation("quillbase", "zephyrd", "uses")
    page.browser.one("#panel h2 .verb", "uses")
    page.browser.one("#panel blockquote", SAID["m1"])
    assert page.browser.texts("#panel .id") == [CONVERSATION]
    assert page.browser.texts("#panel blockquote mark") == ["Quillbase", "zephyrd"]
    assert page.browser.texts("#panel .aside") == [f"Mirela: {SAID['m2']}"]
    assert "March" in page.browser.one("#panel time").text or "Mar" in page.browser.one("#panel time").text


def test_what_is_named_together_is_shown_where_both_are_named(page: GraphPage) -> None:
    page.open("harbourton")
    page.click_relation("harbourton", "zephyrd", "co_occurs_with")
    page.browser.one("#panel h2 .verb", "with")
    page.browser.one("#panel blockquote", SAID["m5"])
    assert page.browser.texts("#panel blockquote")[0] == SAID["m5"]


def test_an_entity_shows_its_messages_by_all_its_names(page: GraphPage) -> None:
    page.open("quillbase")
    page.browser.one("#panel .conversations summary", CONVERSATION).click()
    page.browser.one("#panel .conversations mark", "qb")
    assert page.browser.texts("#panel .conversations blockquote") == [SAID["m1"], SAID["m4"]]


def test_closed_relations_are_greyed_in_the_timeline(page: GraphPage) -> None:
    page.open("mirela")
    assert page.browser.texts("#panel .timeline .closed .link") == ["Mirela Vance prefers LanternFS"]
    assert page.browser.texts("#panel .timeline .open .link") == ["Mirela Vance prefers Quillbase"]
    assert "closed by m4" in page.browser.texts("#panel .timeline .closed .about")[0]
    closed, still = (
        page.browser.run(
            "return getComputedStyle(document.querySelector(arguments[0])).color", f".timeline .{kind} .link"
        )
        for kind in ("closed", "open")
    )
    assert closed != still
    page.browser.one("#panel .timeline .closed .link").click()
    for text in (SAID["m4"], SAID["m3"]):
        page.browser.one("#panel blockquote", text)


def test_filters_hide_types_relations_and_weak_lines(page: GraphPage) -> None:
    page.open("quillbase")
    page.browser.one("#filters .chip", "Concept").click()
    assert page.shown() == {"quillbase", "zephyrd", "mirela"}
    page.browser.one("#filters .chip", "prefers").click()
    assert page.shown() == {"quillbase", "zephyrd"}
    page.browser.one("#filters .chip", "named together").click()
    assert page.lines() == {("quillbase", "zephyrd", "uses")}
    page.browser.run("least.value = 100; least.dispatchEvent(new Event('input'))")
    page.browser.until(lambda: (page.lines(), page.shown()) == (set(), {"quillbase"}), "no line but the entity itself")
    for chip in ("Concept", "prefers", "named together"):
        page.browser.one('#filters .chip[aria-pressed="false"]', chip).click()
    page.browser.run("least.value = 0; least.dispatchEvent(new Event('input'))")
    assert page.shown() == {"quillbase", "zephyrd", "mirela", *HOSTILE}


def test_lines_are_as_wide_as_relations_are_strong(page: GraphPage) -> None:
    page.open("quillbase")
    pairs = page.picture("cy.edges().map((edge) => [edge.data('about').strength, edge.pstyle('width').pfValue])")
    widths = [width for _, width in sorted(pairs)]
    assert widths == sorted(widths) and widths[0] < widths[-1]
    colours = page.picture(
        "cy.nodes().map((node) => [node.data('about').type, node.pstyle('background-color').strValue])"
    )
    assert len({colour for _, colour in colours}) == len({kind for kind, _ in colours}) == len(dict(colours))


def test_the_path_between_two_entities_is_marked(page: GraphPage) -> None:
    page.open("mirela")
    page.browser.one(".actions button", "Path from here").click()
    page.browser.press("farlight")
    page.browser.one("#path-to-list [role=option]", "Farlight")
    page.browser.press("ENTER")
    page.browser.one("#panel .steps")
    assert page.browser.texts("#panel .steps .link") == [
        "Mirela Vance prefers Quillbase",
        page.browser.texts("#panel .steps .link")[1],
        "Zephyrd with Harbourton",
        "Harbourton with Farlight",
    ]
    way = page.picture("cy.nodes('.way').map((node) => node.id())")
    assert set(way) == {"mirela", "quillbase", "zephyrd", "harbourton", "farlight"}
    assert page.picture("cy.nodes('.way.dim').length") == 0


def test_communities_are_the_overview(page: GraphPage) -> None:
    page.open()
    page.browser.one("#panel .card", "41 entities")
    boxes = page.picture("cy.nodes(':parent').map((box) => [box.data('label'), box.children().map((one) => one.id())])")
    for one in COMMUNITIES:
        assert [f"{one['size']} entities", one["members"]] in [[label, ids] for label, ids in boxes]
    page.browser.one("#panel .card .chip", "Farlight").click()
    page.title("Farlight")


def test_no_name_covers_another_at_first(page: GraphPage) -> None:
    boxes = "cy.nodes(':childless').map((node) => [node.id(), node.boundingBox({ includeOverlays: false })])"
    for entity in ("quillbase", None):
        page.open(entity)
        pairs = combinations(page.picture(boxes), 2)
        assert [(a[0], b[0]) for a, b in pairs if _cover(a[1], b[1])] == []


def _cover(a: dict[str, float], b: dict[str, float]) -> bool:
    return a["x1"] < b["x2"] and b["x1"] < a["x2"] and a["y1"] < b["y2"] and b["y1"] < a["y2"]


@pytest.mark.parametrize("key", HOSTILE)
def test_a_hostile_name_is_text_and_nothing_else(page: GraphPage, key: str) -> None:
    page.open(key)
    assert page.browser.one("#panel h2").get_property("textContent") == HOSTILE[key]
    assert page.browser.one("#search-input").get_property("value") == HOSTILE[key]
    page.click_relation(key, "quillbase", "co_occurs_with")
    page.browser.one("#panel h2 .verb", "with")
    page.browser.one("#panel .message:not([aria-busy])")
    assert page.browser.run(
        "return [window.hacked ?? null, document.querySelectorAll('img, b, script:not([src])').length]"
    ) == [None, 0]
    assert page.browser.run("return document.documentElement.scrollWidth <= innerWidth")
    assert [line for line in page.browser.complaints() if "404" not in line] == []


def test_an_unknown_entity_is_said_to_be_unknown(page: GraphPage) -> None:
    page.open("nobody has <this>")
    page.title("Not found")
    page.browser.one("#panel p", "nobody has <this>")


def test_with_neo4j_away_the_snapshot_answers_and_the_page_says_so(browser: Browser, away: str) -> None:
    browser.show(*WIDE)
    page = GraphPage(browser, away)
    page.open("quillbase")
    assert page.shown() == {"quillbase", "zephyrd", "mirela", *HOSTILE}
    assert browser.one("#standing").text.startswith("Neo4j is away: this is the graph of its last snapshot, of ")


def test_with_neo4j_there_is_no_such_note(page: GraphPage) -> None:
    page.open("quillbase")
    assert not page.browser.one("#standing").is_displayed()


@pytest.mark.parametrize("entity", [None, "quillbase", "long"])
def test_a_phone_scrolls_down_only(page: GraphPage, entity: str | None) -> None:
    page.browser.show(*PHONE)
    page.open(entity)
    assert page.browser.run("return document.documentElement.scrollWidth") <= PHONE[0]
    assert page.browser.run(BEYOND) == []


@pytest.mark.parametrize("dark", [False, True])
def test_it_can_be_read_in_light_and_dark(page: GraphPage, dark: bool) -> None:
    page.browser.show(*WIDE, dark=dark)
    page.open("mirela")
    lightness = [luminance(page.browser, "body", "backgroundColor"), luminance(page.browser, "#panel h2", "color")]
    assert (lightness[0] < lightness[1]) == dark
    for selector in ("#panel h2", "#panel .about", "#panel .link", "#panel .timeline .closed .link", ".hint"):
        assert (
            contrast(luminance(page.browser, selector, "color"), luminance(page.browser, "#panel", "backgroundColor"))
            >= 4.5
        ), selector
    drawn = page.picture("cy.getElementById('mirela').pstyle('color').value")
    assert (sum(drawn) > 384) == dark
    page.browser.show(*WIDE, dark=not dark)
    page.browser.until(
        lambda: (sum(page.picture("cy.getElementById('mirela').pstyle('color').value")) > 384) != dark,
        "the other colours",
    )


def test_all_can_be_done_by_keyboard(page: GraphPage) -> None:
    page.open("farlight")
    page.browser.run("document.getElementById('canvas').focus()")
    x = page.picture("cy.getElementById('harbourton').position('x') - cy.getElementById('farlight').position('x')")
    page.browser.press("ARROW_RIGHT" if x > 0 else "ARROW_LEFT")
    page.browser.one("#said", "Harbourton, Location")
    page.browser.press("ENTER")
    page.title("Harbourton")
    page.browser.until(lambda: "zephyrd" in page.shown(), "the neighbours of Harbourton")
    before = page.picture("cy.zoom()")
    page.browser.press("+")
    assert page.picture("cy.zoom()") > before
    page.browser.press("DELETE")
    assert "harbourton" not in page.shown()


def test_everything_that_takes_the_focus_has_a_name(page: GraphPage) -> None:
    page.open("mirela")
    page.browser.one("#path-open").click()
    tree = page.browser.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    focusable = [node for node in tree if any(one["name"] == "focusable" for one in node.get("properties", ()))]
    nameless = [
        node["role"]["value"]
        for node in focusable
        if not node.get("name", {}).get("value") and node["role"]["value"] != "RootWebArea"
    ]
    assert len(focusable) > 20 and nameless == []


def test_the_page_loads_nothing_from_elsewhere(page: GraphPage) -> None:
    page.open("quillbase")
    loaded = page.browser.run("return performance.getEntriesByType('resource').map((one) => one.name)")
    assert len(loaded) > 10 and all(one.startswith(f"{page.url}/") for one in loaded)
    blocked = page.browser.driver.execute_async_script(
        "const [done] = arguments; fetch('http://127.0.0.1:9/').then(() => done('sent'), () => done('refused'));"
    )
    assert blocked == "refused" and any("Content Security Policy" in line for line in page.browser.complaints())


@pytest.mark.parametrize(
    ("text", "names", "expected"),
    [
        ("We run Docker and docker-compose.", ["docker"], ["Docker", "docker"]),
        ("dockerd undocker", ["docker"], []),
        ("C++ and c#", ["C++", "C#"], ["C++", "c#"]),
        ("a.b a-b a/b", ["a.b", "a/b"], ["a.b", "a/b"]),
        ("Kubernetes Engine", ["Kubernetes", "Kubernetes Engine"], ["Kubernetes Engine"]),
        ("naïve 🧠🔥 naïve", ["🧠🔥"], ["🧠🔥"]),
        ("nothing", ["", "$^"], []),
    ],
)
def test_names_are_marked_as_words(page: GraphPage, text: str, names: list[str], expected: list[str]) -> None:
    page.browser.open(f"{page.url}/ui/graph")
    script = "const [a, b, done] = arguments; import('/ui/static/evidence.js').then((of) => done(of.marked(a, b)))"
    parts = page.browser.driver.execute_async_script(script, text, names)
    assert "".join(part["text"] for part in parts) == text
    assert [part["text"] for part in parts if part["mark"]] == expected
