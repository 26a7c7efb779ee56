"""How large a free query may be: its text, its depth, what it joins, and what it grows to when its names are put in.

ClickHouse puts a WITH in wherever it is named, so that a short query can double its size with each one.
"""

from sqlglot import exp

from helix_pipeline.domain.analytics.refusal import RefusedQueryError

MAX_TEXT = 20_000
"""Characters of a query."""

MAX_DEPTH = 40
"""Nodes from the root to a leaf, less those of chains such as `a AND b AND c`."""

MAX_NODES = 5_000
"""Nodes of the tree as it is written."""

MAX_TABLES = 16
"""Tables that are read, those of a query of a WITH as often as it is named."""

MAX_SELECTS = 32
"""SELECTs that are run, counted alike."""

MAX_TOKENS = 6_000
"""Words and signs of a query."""

MAX_BRACKETS = 200
"""Opening square brackets: for each one that follows another, sqlglot looks through all before it."""

MAX_GROWN = 50_000
"""Nodes of the tree with every alias put in where it is named."""

MAX_LAMBDAS = 2
"""Lambdas within one another."""

_OVER = 1_000_000
_CHAINS = (exp.And, exp.Or, exp.Add, exp.Sub, exp.Mul, exp.DPipe, exp.SetOperation)


def check_text(text: str) -> None:
    """Refuse a text that is empty, too long, or has characters that nobody can see."""
    if not text.strip():
        raise RefusedQueryError("the query is empty: write one SELECT")
    if len(text) > MAX_TEXT:
        raise RefusedQueryError(f"the query has {len(text):,} characters: at most {MAX_TEXT:,} are allowed")
    for at, character in enumerate(text):
        if not (character.isprintable() or character in "\t\r\n"):
            what = f"the character U+{ord(character):04X} at {at}"
            raise RefusedQueryError(f"{what} is not allowed: leave it out, or give it as a parameter")


def check_tokens(found: int, brackets: int) -> None:
    """Refuse more words and signs, or square brackets among them, than can be read in time."""
    _bound("words and signs", found, MAX_TOKENS)
    _bound("square brackets", brackets, MAX_BRACKETS)


def check_shape(tree: exp.Expr) -> None:
    """Refuse a tree that is too deep or too large."""
    depth, nodes = _measure(tree)
    _bound("levels", depth, MAX_DEPTH)
    _bound("parts", nodes, MAX_NODES)
    _bound("lambdas within one another", max(map(_lambdas, tree.find_all(exp.Lambda)), default=0), MAX_LAMBDAS)


def check_growth(tree: exp.Expr) -> None:
    """Refuse a tree that grows too large; its tables have their database, so that the others are queries of a WITH."""
    _bound("tables, with each use of a WITH", _Uses(tree, exp.Table).count(None), MAX_TABLES)
    _bound("SELECTs, with each use of a WITH", _Uses(tree, exp.Select).count(None), MAX_SELECTS)
    _bound("parts with its aliases put in", _Growth(tree).size(tree), MAX_GROWN)


def _bound(what: str, found: int, most: int) -> None:
    if found > most:
        raise RefusedQueryError(f"the query has {found:,} {what}: at most {most:,} are allowed; ask in parts")


def _measure(tree: exp.Expr) -> tuple[int, int]:
    """Return the depth of a tree and the number of its nodes, without recursion."""
    deepest = nodes = 0
    todo: list[tuple[exp.Expr, int]] = [(tree, 1)]
    while todo:
        node, depth = todo.pop()
        deepest, nodes = max(deepest, depth), nodes + 1
        todo += [(child, depth + (not _in_chain(node, child))) for child in node.iter_expressions()]
    return deepest, nodes


def _in_chain(node: exp.Expr, child: exp.Expr) -> bool:
    return isinstance(node, _CHAINS) and isinstance(child, _CHAINS)


def _lambdas(one: exp.Lambda) -> int:
    above = one.find_ancestor(exp.Lambda)
    return 1 + _lambdas(above) if above else 1


class _Uses:
    """How often nodes of a kind are used: by each query of a WITH, and by the whole query (None)."""

    def __init__(self, tree: exp.Expr, kind: type[exp.Expr]) -> None:
        self._kind = kind
        self._within: dict[str | None, list[exp.Expr]] = {}
        for one in tree.find_all(exp.Table, kind):
            self._within.setdefault(_owner(one), []).append(one)
        self._counts: dict[str | None, int] = {}

    def count(self, name: str | None) -> int:
        """Return the number of uses, or one that is over every bound."""
        if name not in self._counts:
            found = sum(self._each(one) for one in self._within.get(name, ()))
            self._counts[name] = min(found, _OVER)
        return self._counts[name]

    def _each(self, one: exp.Expr) -> int:
        if isinstance(one, exp.Table) and not one.db:
            return self.count(one.name)
        return int(isinstance(one, self._kind))


def _owner(node: exp.Expr) -> str | None:
    """Return the name of the query of a WITH that a node is in; a scalar one is worked out where it stands."""
    found = node.find_ancestor(exp.CTE)
    while found is not None and found.args.get("scalar"):
        found = found.find_ancestor(exp.CTE)
    return found.alias if found is not None else None


class _Growth:
    """Sizes of the parts of a tree after all aliases are put in; an alias within itself counts once."""

    def __init__(self, tree: exp.Expr) -> None:
        self._meant: dict[str, list[exp.Expr]] = {}
        for one in tree.find_all(exp.Alias, exp.CTE):
            self._meant.setdefault(one.alias, []).append(one.this)
        self._sizes: dict[str, int] = {}

    def size(self, node: exp.Expr) -> int:
        """Return the number of nodes, or just over the bound."""
        total = sum(self._named(one.name) for one in node.find_all(exp.Identifier))
        return min(total + sum(1 for _ in node.walk()), MAX_GROWN + 1)

    def _named(self, name: str) -> int:
        if name not in self._meant:
            return 0
        if name not in self._sizes:
            self._sizes[name] = 0
            self._sizes[name] = max(map(self.size, self._meant[name]))
        return self._sizes[name]
