"""Statements as deltas: whatever they hold comes back, and copies of one have one id."""

from hypothesis import given
from hypothesis import strategies as st

from helix_pipeline.domain.graph.claims import id_of, is_user, key_of, name_of, statement_deltas, statements_of
from helix_pipeline.domain.graph.deltas import STATEMENT, add_up, bucket
from helix_pipeline.domain.graph.labels import LONGEST_ID
from helix_pipeline.domain.relationships.intervals import Statement, key

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
statements = st.builds(
    Statement,
    st.sampled_from(["tech:a", "user:u", "user:user:u"]) | texts,
    st.sampled_from(["uses", "prefers", "written_in"]),
    texts,
    texts,
    st.booleans(),
    st.integers(0, 10**15),
    texts,
    st.integers(0, 10**15),
    st.floats(0, 1),
    *(texts for _ in range(3)),
)


@given(st.lists(statements, max_size=6))
def test_statements_are_carried_whole_and_by_subject(given_):
    rows = add_up([statement_deltas(given_), statement_deltas(given_[:2])]).to_pylist()
    assert set(statements_of(row["detail"] for row in rows)) == set(given_)
    for row, statement in zip(rows, statements_of(row["detail"] for row in rows), strict=True):
        assert (row["kind"], row["a"], row["bucket"]) == (STATEMENT, statement.subject_id, bucket(statement.subject_id))


@given(statements, statements)
def test_statements_that_are_read_together_have_one_key(a, b):
    same = key(a.subject_id, a.relation, a.object_id, a.object_kind) == key(
        b.subject_id, b.relation, b.object_id, b.object_kind
    )
    assert (key_of(a) == key_of(b)) is same


@given(statements, st.integers(0, 10**15), st.booleans())
def test_copies_of_a_statement_have_one_id(statement, learnt, ended):
    assert id_of(statement) == id_of(statement._replace(learnt_at=learnt, cue="other"))
    assert (id_of(statement) == id_of(statement._replace(ended=ended))) is (ended == statement.ended)


def test_users_are_known_by_their_prefix():
    assert (is_user("user:u"), name_of("user:u"), name_of("user:user:u")) == (True, "u", "user:u")
    assert (is_user("tech:u"), name_of("tech:u")) == (False, "tech:u")


def test_what_is_too_long_for_a_node_is_left_out():
    fine = Statement("user:" + "u" * LONGEST_ID, "uses", "o" * LONGEST_ID, "tool", False, 0, "s", 0, 1.0)
    long = [fine._replace(subject_id=fine.subject_id + "u"), fine._replace(object_id=fine.object_id + "o")]
    assert statements_of(statement_deltas([fine, *long])["detail"].to_pylist()) == [fine]
