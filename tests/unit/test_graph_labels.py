"""Labels join to the same label in any order and grouping."""

from hypothesis import given
from hypothesis import strategies as st

from helix_pipeline.domain.graph.labels import MOST_ALIASES, Label, bounded, joined, packed, unpacked

characters = st.characters(exclude_categories=["Cs"])
texts = st.text(characters, min_size=1, max_size=4) | st.sampled_from(["GPU", "gpu", "Gpu"])
subtypes = st.dictionaries(st.sampled_from(["tool", "library", "api"]), st.integers(0, 3))
labels = st.builds(
    Label,
    texts,
    st.sampled_from(["TECH", "CONCEPT"]),
    subtypes.map(lambda counts: tuple(sorted(counts.items()))),
    st.lists(texts, max_size=40).map(bounded),
)


@given(labels, labels, labels)
def test_order_and_grouping_change_nothing(a, b, c):
    assert joined([a, b]) == joined([b, a])
    assert joined([joined([a, b]), c]) == joined([a, joined([b, c])]) == joined([c, a, b])
    assert joined([a]) == a


@given(labels, labels)
def test_joining_again_changes_only_numbers(a, b):
    once, twice = joined([a, b]), joined([a, b, b])
    assert once._replace(subtypes=()) == twice._replace(subtypes=())
    assert [name for name, _ in once.subtypes] == [name for name, _ in twice.subtypes]
    assert sum(n for _, n in twice.subtypes) == sum(n for _, n in once.subtypes) + sum(n for _, n in b.subtypes)


@given(st.lists(texts, max_size=60))
def test_the_shortest_aliases_are_kept(aliases):
    kept = bounded(aliases)
    assert len(kept) == min(len(set(aliases)), MOST_ALIASES)
    left_out = set(aliases) - set(kept)
    assert not left_out or max((len(x), x) for x in kept) < min((len(x), x) for x in left_out)


@given(texts, texts, st.text(characters, max_size=4), texts)
def test_a_label_is_packed_whatever_it_holds(name, type, subtype, surface):
    counted = ((subtype, 3),) if subtype else ()
    assert unpacked(packed(name, type, subtype), surface, 3) == Label(name, type, counted, (surface,))


def test_known_labels():
    a = Label("graphql", "TECH", (), ("graphql",))
    b = Label("GraphQL", "TECH", (("api", 1), ("library", 2)), ("Graph QL", "GraphQL"))
    both = joined([a, b, Label("x", "CONCEPT", (("api", 1),))])
    assert both == Label("GraphQL", "CONCEPT", (("api", 2), ("library", 2)), ("GraphQL", "graphql", "Graph QL"))
    assert (a.subtype, b.subtype, both.subtype) == ("", "library", "api")
