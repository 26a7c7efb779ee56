"""The graph: Neo4j. How to reach it, its constraints and indexes, and the version of its schema."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from neo4j import Driver, GraphDatabase, ManagedTransaction, NotificationMinimumSeverity
from neo4j.exceptions import DriverError, Neo4jError

from helix_pipeline.errors import StoreError
from helix_pipeline.settings import Settings

SCHEMA_VERSION = 3
"""3: statements close those of the same use, and embeddings tell what they were made of. 2: number of messages per
entity, aliases, statements. What an older version wrote cannot be told apart."""

CONSTRAINTS = (
    "CREATE CONSTRAINT conversation_id IF NOT EXISTS FOR (n:Conversation) REQUIRE n.id IS UNIQUE",
    "CREATE CONSTRAINT user_id IF NOT EXISTS FOR (n:User) REQUIRE n.id IS UNIQUE",
    "CREATE CONSTRAINT entity_id IF NOT EXISTS FOR (n:Entity) REQUIRE n.id IS UNIQUE",
    "CREATE CONSTRAINT ledger_id IF NOT EXISTS FOR (n:Ledger) REQUIRE n.id IS UNIQUE",
    "CREATE CONSTRAINT graph_id IF NOT EXISTS FOR (n:Graph) REQUIRE n.id IS UNIQUE",
    "CREATE CONSTRAINT community_id IF NOT EXISTS FOR (n:Community) REQUIRE n.id IS UNIQUE",
    "CREATE INDEX entity_last_seen IF NOT EXISTS FOR (n:Entity) ON (n.last_seen)",
    "CREATE INDEX entity_name IF NOT EXISTS FOR (n:Entity) ON (n.name)",
    "CREATE INDEX entity_type IF NOT EXISTS FOR (n:Entity) ON (n.type)",
    "CREATE CONSTRAINT statement_id IF NOT EXISTS FOR (n:Statement) REQUIRE n.id IS UNIQUE",
    "CREATE INDEX statement_key IF NOT EXISTS FOR (n:Statement) ON (n.key, n.ended)",
    "CREATE FULLTEXT INDEX entity_names IF NOT EXISTS FOR (n:Entity) ON EACH [n.name, n.aliases]",
)

EMBEDDINGS = """
CREATE VECTOR INDEX entity_embedding IF NOT EXISTS FOR (n:Entity) ON n.embedding
OPTIONS {indexConfig: {`vector.dimensions`: $dimensions, `vector.similarity_function`: 'cosine'}}
"""

EMPTY = (
    "MATCH ()-[r]->() CALL (r) { DELETE r } IN TRANSACTIONS OF 10000 ROWS",
    "MATCH (n) CALL (n) { DELETE n } IN TRANSACTIONS OF 10000 ROWS",
)

VERSION = """
WITH EXISTS { MATCH (:Entity) } OR EXISTS { MATCH (:Conversation) } AS filled
MERGE (graph:Graph {id: 'graph'})
ON CREATE SET graph.messages = 0, graph.schema = CASE WHEN filled THEN 1 ELSE $version END
RETURN graph.schema AS version
"""
"""The first version had no such node."""


@dataclass(frozen=True)
class Graph:
    """How to reach Neo4j; small enough to travel to executors."""

    uri: str
    username: str
    password: str = field(repr=False)
    database: str
    timeout_s: float

    def connect(self) -> Driver:
        """Open a driver whose calls end within the time-out."""
        return GraphDatabase.driver(
            self.uri,
            auth=(self.username, self.password),
            connection_timeout=min(5, self.timeout_s),
            connection_acquisition_timeout=self.timeout_s,
            max_transaction_retry_time=self.timeout_s,
            notifications_min_severity=NotificationMinimumSeverity.OFF,
        )


def open_graph(settings: Settings) -> Graph:
    """Return the graph that the settings name."""
    neo4j = settings.neo4j
    return Graph(neo4j.address, neo4j.username, neo4j.password.get_secret_value(), neo4j.database, neo4j.timeout_s)


@contextmanager
def driver(graph: Graph) -> Iterator[Driver]:
    """Open a driver for a block and close it after; driver errors become StoreError."""
    try:
        with graph.connect() as connection:
            yield connection
    except (Neo4jError, DriverError) as error:
        raise StoreError(f"Neo4j at {graph.uri}: {' '.join(str(error).split())[:300]}") from None


def ensure_schema(settings: Settings) -> None:
    """Create the constraints and indexes that are missing. Raises StoreError for a graph of an older version."""
    graph = open_graph(settings)
    with driver(graph) as connection, connection.session(database=graph.database) as session:
        for statement in CONSTRAINTS:
            session.run(statement).consume()
        if settings.graph.embeddings:
            session.run(EMBEDDINGS, dimensions=settings.graph.embedding_size).consume()
        session.execute_write(require_version, graph.uri)


def empty(settings: Settings) -> None:
    """Delete every node and relationship, also those of another version; constraints and indexes stay."""
    graph = open_graph(settings)
    with driver(graph) as connection, connection.session(database=graph.database) as session:
        for statement in EMPTY:
            session.run(statement).consume()


def require_version(tx: ManagedTransaction, uri: str) -> None:
    """Note the version of the schema in a new graph; raises StoreError where the graph has another one."""
    found = tx.run(VERSION, version=SCHEMA_VERSION).single(strict=True)["version"]
    if found != SCHEMA_VERSION:
        raise StoreError(
            f"the graph at {uri} was made by another version (schema {found}, here {SCHEMA_VERSION}): "
            "stop the streams, then rebuild it with `helix graph rebuild`"
        )
