"""The resolver of one surface: known examples, an equivalence, its own fixed points, and any Unicode text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helix_pipeline.domain.entities.extraction import Entity
from helix_pipeline.domain.entities.resolution.display import displayed, preferred
from helix_pipeline.domain.entities.resolution.known import MAY_STAND_FOR, known_entities
from helix_pipeline.domain.entities.resolution.normal import MAX_ID, MAX_SURFACE, clean, fold
from helix_pipeline.domain.entities.resolution.resolver import load
from helix_pipeline.domain.entities.types import TYPES

RESOLVER = load()
KNOWN = known_entities()
FORMS = sorted({(form, entry.type) for entry in KNOWN for _, form in entry.forms})
PIECES = [
    *("the ", "Dr. ", "@", "#", "'s", "s", " Inc.", " GmbH & Co. KG", " 3.11", " v2", "-4", "2", "-", " ", ".", "++"),
    *(
        "*",
        "(",
        ")",
        "\u202e",
        "\u0301",
        "İ",
        "ﬁ",
        "ß",
        "🐳",
        "日本",
        "שלום",
        ", ",
        "&amp;",
        "\x00",
        "\ud800",
        "\u2019s",
    ),
    *("Foo", "bar", "Smith", "Jr.", "café", "isation", "ies"),
]
surfaces = st.one_of(
    st.text(max_size=30),
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join),
    st.builds(
        "{}{}{}".format, st.sampled_from(PIECES), st.sampled_from([form for form, _ in FORMS]), st.text(max_size=3)
    ),
)
types = st.sampled_from(TYPES)
subtypes = st.sampled_from(["", "library", "model", "variable", "version"])


def entity_id(surface: str, type: str = "TECH", subtype: str = "") -> str:
    return RESOLVER.resolve(surface, type, subtype).id


@pytest.mark.parametrize(
    ("type", "same"),
    [
        ("TECH", ["Kubernetes", "kubernetes", "K8s", "k8s", "#kubernetes", "Kubernetes 1.29", "the Kubernetes"]),
        ("TECH", ["Node.js", "nodejs", "Node JS", "node-js", "\uff2e\uff4f\uff44\uff45.js", "node.js's"]),
        ("TECH", ["Python", "python3", "Python 3.11", "Python-3.9", "python v2.7", "Python 3.x", "Python 3.12.0rc1"]),
        ("TECH", ["C++", "C++11", "c++ 17", "cpp"]),
        ("TECH", ["VS Code", "VSCode", "vs-code", "Visual Studio Code"]),
        ("TECH", ["Foobarizer", "foobarizers", "Foobarizer 2.1", "foobarizer v3", "“Foobarizer”"]),
        ("TECH", ["XQ", "XQs"]),
        ("TECH", ["Frob", "the Frob\u2019s 2.1", "Frob 2.1 v3"]),
        ("CONCEPT", ["quick rate storage", "Quick Rate Storage (QRS)", "the quick rate storage"]),
        ("CONCEPT", ["blorpisation", "Blorpization"]),
        ("CONCEPT", ["micro services", "micro-services", "microservice"]),
        ("CONCEPT", ["colour palette", "Color Palettes"]),
        ("ORGANIZATION", ["Frobnitz", "Frobnitz Inc.", "Frobnitz, Inc", "FROBNITZ GmbH & Co. KG", "@frobnitz"]),
        (
            "PERSON",
            ["Maria Chen", "Dr. Maria Chen", "Prof. Dr. Maria Chen", "Chen, Maria", "María Chen", "maria chen\u2019s"],
        ),
        ("LOCATION", ["São Paulo", "sao paulo", "Sao  Paulo"]),
    ],
)
def test_writings_of_one_name_are_one_entity(type: str, same: list[str]) -> None:
    assert len({entity_id(surface, type) for surface in same}) == 1


@pytest.mark.parametrize(
    ("type", "different"),
    [
        ("TECH", ["Java", "JavaScript", "Jav", "C", "C++", "C#", "F#", ".NET", "net", "A*", "A"]),
        (
            "TECH",
            [
                "S3",
                "EC2",
                "H2",
                "H2O",
                "Web2",
                "Web3",
                "Neo4j",
                "IPv4",
                "IPv6",
                "SHA-1",
                "SHA-256",
                "Layer 4",
                "Layer 7",
            ],
        ),
        ("TECH", ["C", "C4", "C 4.0 frob", "R2", "R language"]),
        ("TECH", ["HTTP", "HTTP 404", "HTTP 500", "int32", "int64", "3.5", "35", "Foo-3.5", "Foo-35"]),
        ("PRODUCT", ["GPT-4", "GPT-3.5", "GPT-4o", "iPhone 12", "iPhone 13", "iPhone", "Claude 2", "Claude 3"]),
        ("TECH", ["Windows", "window", "pandas", "panda", "Jenkins", "jenkin", "AWS", "aw"]),
        ("PERSON", ["Al Bert", "Albert", "Jackson", "Jacksons"]),
    ],
)
def test_other_names_are_other_entities(type: str, different: list[str]) -> None:
    assert len({entity_id(surface, type) for surface in different}) == len(different)


@pytest.mark.parametrize(
    ("surface", "type", "subtype", "expected"),
    [
        ("K8s", "TECH", "tool", Entity("tech:kubernetes", "Kubernetes", "TECH", "tool", "alias")),
        ("k8s", "PRODUCT", "", Entity("tech:kubernetes", "Kubernetes", "TECH", "tool", "alias")),
        (
            "dockers 24.0",
            "ORGANIZATION",
            "",
            Entity("organization:dockers24-0", "dockers 24.0", "ORGANIZATION", "", "name"),
        ),
        ("REST APIs", "TECH", "", Entity("tech:rest-api", "REST API", "TECH", "protocol", "alias")),
        ("pythons", "TECH", "", Entity("tech:python", "Python", "TECH", "language", "name, plural")),
        (
            "the Python 3.11",
            "TECH",
            "",
            Entity("tech:python", "Python", "TECH", "language", "name, article, version 3.11"),
        ),
        ("Jackson", "PERSON", "", Entity("person:jackson", "Jackson", "PERSON", "", "name")),
        ("Jackson", "TECH", "", Entity("tech:jackson", "Jackson", "TECH", "library", "name")),
        ("Java", "LOCATION", "", Entity("location:java", "Java", "LOCATION", "", "name")),
        ("data meshes", "CONCEPT", "", Entity("concept:datamesh", "data meshes", "CONCEPT", "", "plural")),
        ("Dr. Ann Lee", "PERSON", "", Entity("person:ann-lee", "Ann Lee", "PERSON", "", "title")),
        ("Items", "TECH", "variable", Entity("tech:variable:Items", "Items", "TECH", "variable", "as written")),
        ("-5", "NUMBER", "", Entity("number:-5", "-5", "NUMBER", "", "as written")),
        ("🚀", "TECH", "", Entity("tech:u1f680", "🚀", "TECH", "", "name")),
    ],
)
def test_the_entity_says_what_was_read(surface: str, type: str, subtype: str, expected: Entity) -> None:
    assert RESOLVER.resolve(surface, type, subtype) == expected


def test_the_number_of_a_model_is_part_of_its_name() -> None:
    assert entity_id("Frob 2.1") == entity_id("Frob")
    assert len({entity_id(f"Frob 2.{number}", "TECH", "model") for number in range(3)}) == 3


def test_every_listed_form_is_its_own_entity() -> None:
    assert [
        (form, entry.id) for entry in KNOWN for _, form in entry.forms if entity_id(form, entry.type) != entry.id
    ] == []


def test_lists_agree_and_no_form_has_two_owners() -> None:
    labels = {(entry.id, entry.name, entry.subtype) for entry in KNOWN}
    assert len(labels) == len({entry.id for entry in KNOWN})
    owners = {(fold(clean(form)), entry.type, entry.id) for entry in KNOWN for _, form in entry.forms}
    assert len(owners) == len({owner[:2] for owner in owners})


@given(surfaces, types, subtypes)
def test_any_text_has_an_entity_that_can_be_stored(surface: str, type: str, subtype: str) -> None:
    found = RESOLVER.resolve(surface, type, subtype)
    assert found.id.startswith(tuple(f"{other.lower()}:" for other in (type, *MAY_STAND_FOR.get(type, ()))))
    assert 0 < len(found.id.partition(":")[2]) <= MAX_ID + len("variable:")
    assert 0 < len(found.name) <= MAX_SURFACE
    assert found.reason
    assert f"{found.id}{found.name}".encode().decode() == f"{found.id}{found.name}"


@given(surfaces, types, subtypes)
def test_a_name_stands_for_its_own_entity(surface: str, type: str, subtype: str) -> None:
    found = RESOLVER.resolve(surface, type, subtype)
    again = RESOLVER.resolve(found.name, found.type, found.subtype)
    assert (again.id, again.name) == (found.id, found.name)


@given(st.text("abcdefgxyz -.éüß0123", min_size=1, max_size=20), st.sampled_from(["CONCEPT", "LOCATION", "PERSON"]))
def test_case_is_no_difference(surface: str, type: str) -> None:
    # `VMs` is the one exception: there capitals say that the s is a plural, which upper case hides.
    whole = f"{surface}ing"
    assert entity_id(whole.upper(), type) == entity_id(whole, type) == entity_id(whole.title(), type)


@pytest.mark.parametrize("text", ["the " * 2_500, "1 " * 5_000, "a1." * 3_334, "\ufdfa" * 10_000, "x" * 10_000])
@pytest.mark.parametrize("type", TYPES)
def test_long_texts_have_bounded_ids_of_their_own(text: str, type: str) -> None:
    found = RESOLVER.resolve(text, type, "")
    assert len(found.id) <= MAX_ID + len(type) + 1
    assert entity_id("long " + "y" * 200 + "a", type) != entity_id("long " + "y" * 200 + "b", type)


@given(st.lists(st.text(max_size=8), min_size=1, max_size=5), st.randoms())
def test_the_name_shown_does_not_depend_on_order(names: list[str], random: object) -> None:
    shown = names[0]
    for name in names[1:]:
        shown = preferred(shown, name)
    backwards = names[-1]
    for name in names[-2::-1]:
        backwards = preferred(name, backwards)
    assert shown == backwards == displayed(names) == displayed(names * 2)
    assert shown in names


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["graphql", "GraphQL", "GRAPHQL", "Graphql"], "GraphQL"),
        (["kafka", "Kafka", "KAFKAESQUE"], "Kafka"),
        (["Gpu", "GPU", "gpu"], "GPU"),
        (["FRAMEWORK", "Framework"], "Framework"),
        (["containers", "container"], "container"),
    ],
)
def test_the_spelling_with_most_capitals_within_is_shown(names: list[str], expected: str) -> None:
    assert displayed(names) == expected
