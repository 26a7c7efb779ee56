"""A small graph in Neo4j, its messages in Kafka, and the page `/ui/graph` in a browser over them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from browser import Browser

from helix_pipeline.settings import Settings
from helix_pipeline.stores.graph import driver, ensure_schema, open_graph

CONVERSATION = "conv/page test?&#"
HOSTILE = {
    "markup": '<img src=x onerror="window.hacked = 1">',
    "script": "</script><script>window.hacked = 2</script>",
    "cypher": "'\"`}) DETACH DELETE n //",
    "rtl": "\u202eمرحبا بالعالم",  # noqa: RUF001
    "emoji": "🧠🔥 naïve café",
    "long": "Long" * 100,
    "address": "a/b?c#d&e=f%20",
}
ENTITIES = {
    "quillbase": ("Quillbase", "TECH", 900),
    "zephyrd": ("Zephyrd", "TECH", 300),
    "lanternfs": ("LanternFS", "TECH", 40),
    "mirela": ("Mirela Vance", "PERSON", 25),
    "harbourton": ("Harbourton", "LOCATION", 12),
    "farlight": ("Farlight", "PRODUCT", 4),
} | {key: (name, "CONCEPT", 3) for key, name in HOSTILE.items()}
SAID = {
    "m1": "We use Quillbase with zephyrd in production.",
    "m2": "Nothing of interest <b>here</b>.",
    "m3": "Mirela Vance prefers LanternFS over anything.",
    "m4": "Now Mirela Vance prefers Quillbase: qb is faster.",
    "m5": "Harbourton is where Zephyrd was written.",
}
TOGETHER = [
    ("quillbase", "zephyrd", 30),
    ("lanternfs", "zephyrd", 12),
    ("harbourton", "zephyrd", 6),
    ("farlight", "harbourton", 2),
]
TOGETHER += [(key, "quillbase", 2) for key in HOSTILE]
STATED: list[dict[str, Any]] = [
    {"a": "quillbase", "b": "zephyrd", "type": "uses", "from": "2026-01-01", "message": "m1"},
    {"a": "mirela", "b": "lanternfs", "type": "prefers", "from": "2025-02-01", "to": "2026-03-01", "message": "m3"},
    {"a": "mirela", "b": "quillbase", "type": "prefers", "from": "2026-03-01", "message": "m4"},
]
COMMUNITIES = [
    {"id": 900_001, "size": 41, "members": ["quillbase", "zephyrd", "mirela"]},
    {"id": 900_002, "size": 7, "members": ["harbourton", "farlight"]},
]

RESTS = 4
"""Looks, a tenth of a second apart, between which nothing may have moved."""

CREATE = """
CREATE (c:Conversation:PageTest {id: $conversation})
WITH c UNWIND $entities AS one
CREATE (e:Entity:PageTest {id: one.id, name: one.name, type: one.type, mentions: one.mentions, messages: one.mentions,
  first_seen: datetime('2025-01-01'), last_seen: datetime(), aliases: one.aliases})
CREATE (e)-[:MENTIONED_IN {count: 2, first: datetime('2026-01-01'), last: datetime()}]->(c)
"""
RELATE = """
UNWIND $together AS pair MATCH (a:Entity {id: pair[0]}), (b:Entity {id: pair[1]})
CREATE (a)-[:CO_OCCURS_WITH {frequency: pair[2], first: datetime('2026-01-01'), last: datetime()}]->(b)
"""
STATE = """
UNWIND $stated AS one MATCH (a:Entity {id: one.a}), (b:Entity {id: one.b})
CREATE (a)-[:RELATED_TO {type: one.type, confidence: 0.9, statements: 2, valid_from: datetime(one.from),
  valid_to: datetime(one.to), learnt_at: datetime(one.from), last_stated: datetime(one.from),
  closed_by: one.closed_by, evidence: [one.evidence]}]->(b)
"""
CLUSTER = "UNWIND $communities AS one CREATE (c:Community:PageTest) SET c += one"
COUNT = """
MERGE (g:Graph {id: 'graph'}) WITH g, g.messages AS before SET g.messages = 5000 RETURN before
"""
REMOVE = "MATCH (n:PageTest) DETACH DELETE n"


@contextmanager
def small_graph(settings: Settings) -> Iterator[None]:
    """Write the graph into Neo4j, beside what is there, and take it away again."""
    ensure_schema(settings)
    graph = open_graph(settings)
    entities = [
        {"id": id, "name": name, "type": type, "mentions": mentions, "aliases": ["qb"] if id == "quillbase" else []}
        for id, (name, type, mentions) in ENTITIES.items()
    ]
    with driver(graph) as connection, connection.session(database=graph.database) as session:
        session.run(REMOVE).consume()
        before = session.run(COUNT).single(strict=True)["before"]
        session.run(CREATE, conversation=CONVERSATION, entities=entities).consume()
        session.run(RELATE, together=TOGETHER).consume()
        session.run(STATE, stated=[_statement(one) for one in STATED]).consume()
        session.run(CLUSTER, communities=COMMUNITIES).consume()
        session.run("CALL db.awaitIndexes(30)").consume()
        try:
            yield
        finally:
            session.run(REMOVE).consume()
            session.run("MATCH (g:Graph {id: 'graph'}) SET g.messages = $before", before=before).consume()


def _statement(one: dict[str, Any]) -> dict[str, Any]:
    evidence = f'[1767225600000, "{CONVERSATION}", "{one["message"]}"]'
    closed = f'[1772323200000, "{CONVERSATION}", "m4"]' if "to" in one else None
    return {"to": None, **one, "evidence": evidence, "closed_by": closed}


def add_messages(url: str) -> None:
    """Publish the messages of the conversation."""
    said = [
        {"role": "user", "name": "Mirela", "content": text, "message_id": id, "timestamp": "2026-03-01T10:00:00Z"}
        for id, text in SAID.items()
    ]
    body = {"conversation_id": CONVERSATION, "messages": said}
    assert httpx.post(f"{url}/v1/context/messages", json=body, timeout=30).status_code == 201


@dataclass
class GraphPage:
    """The page in a browser. Elements of the picture, which is a canvas, are asked for through its module."""

    browser: Browser
    url: str

    def open(self, entity: str | None = None) -> None:
        """Load the page anew, of an entity or of everything, and wait for what it shows."""
        address = "" if entity is None else f"#{httpx.QueryParams(entity=entity)}"
        self.browser.open(f"{self.url}/ui/graph{address}")
        self.title(ENTITIES[entity][0] if entity in ENTITIES else "")

    def title(self, text: str) -> None:
        """Wait for the panel to be about something."""
        self.browser.one("#panel:not([aria-busy]) h2", text)

    def picture(self, expression: str, *arguments: Any) -> Any:
        """Evaluate an expression over `cy`, the graph of the picture, and `a`, the arguments."""
        ready = f"({{picture: {{cy}}}}) => done({expression})"
        script = f"const [a, done] = arguments; import('/ui/static/main.js').then({ready})"
        return self.browser.driver.execute_async_script(script, arguments)

    def shown(self) -> set[str]:
        """Ids of the entities that show."""
        return set(self.picture("cy.nodes(':childless:visible').map((node) => node.id())"))

    def lines(self) -> set[tuple[str, str, str]]:
        """Source, target and type of the relations that show."""
        about = "[one.data('about').source_id, one.data('about').target_id, one.data('about').type]"
        return {tuple(one) for one in self.picture(f"cy.edges(':visible').map((one) => {about})")}

    def click_entity(self, id: str) -> None:
        """Click where an entity is drawn."""
        self._click("cy.getElementById(a[0]).renderedPosition()", id)

    def click_relation(self, source: str, target: str, type: str) -> None:
        """Click the middle of a line."""
        about = "edge.data('about')"
        same = f"{about}.source_id === a[0] && {about}.target_id === a[1] && {about}.type === a[2]"
        self._click(f"cy.edges().filter((edge) => {same}).renderedMidpoint()", source, target, type)

    def _click(self, place: str, *arguments: Any) -> None:
        spot = self._at_rest(place, *arguments)
        for kind, button in (("mouseMoved", "none"), ("mousePressed", "left"), ("mouseReleased", "left")):
            event = {"type": kind, "button": button, "clickCount": int(button == "left"), **spot}
            self.browser.driver.execute_cdp_cmd("Input.dispatchMouseEvent", event)

    def _at_rest(self, place: str, *arguments: Any) -> dict[str, float]:
        """Return where something is in the window, once it stays there: what moves is missed on a busy machine."""
        corner = "cy.container().getBoundingClientRect()"
        seen: list[dict[str, float]] = []

        def stays() -> bool:
            seen.append(
                self.picture(f"(({{x, y}}, box) => ({{x: x + box.x, y: y + box.y}}))({place}, {corner})", *arguments)
            )
            return len(seen) > RESTS and seen[-1] == seen[-1 - RESTS] and not self.picture("cy.animated()")

        self.browser.until(stays, f"a picture at rest for {arguments}")
        return seen[-1]
