"""What a transaction does in the graph, counted where all of its queries pass."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from neo4j import ManagedTransaction, Result


@dataclass(frozen=True, slots=True)
class GraphWork:
    """How many queries were run, and how many nodes and relationships they created."""

    queries: int = 0
    nodes: int = 0
    relationships: int = 0


class CountedTransaction:
    """Passes queries on to a transaction and keeps their results until they are counted."""

    def __init__(self, tx: ManagedTransaction) -> None:
        self._tx = tx
        self._results: list[Result] = []

    def run(self, *query: Any, **parameters: Any) -> Result:
        """Run a query as `ManagedTransaction.run` does."""
        found = self._tx.run(*query, **parameters)
        self._results.append(found)
        return found

    def work(self) -> GraphWork:
        """Return what the queries did; rows of theirs that nobody read are given up."""
        counters = [result.consume().counters for result in self._results]
        created = sum(one.nodes_created for one in counters), sum(one.relationships_created for one in counters)
        return GraphWork(len(counters), *created)


def total(parts: Iterable[GraphWork]) -> GraphWork:
    """Return several pieces of work as one."""
    found = list(parts)
    return GraphWork(
        sum(one.queries for one in found), sum(one.nodes for one in found), sum(one.relationships for one in found)
    )
