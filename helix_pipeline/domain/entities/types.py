"""What kinds of entities there are: types, their sub-types, and which of them are worth a node in the graph."""

TECH = "TECH"
CONCEPT = "CONCEPT"
PERSON = "PERSON"
ORGANIZATION = "ORGANIZATION"
LOCATION = "LOCATION"
PRODUCT = "PRODUCT"
EVENT = "EVENT"
DATE = "DATE"
NUMBER = "NUMBER"

TYPES = (TECH, CONCEPT, PERSON, ORGANIZATION, LOCATION, PRODUCT, EVENT, DATE, NUMBER)
"""Every type; NUMBER includes quantities with a unit (sub-type `unit`)."""

CODE = ("class", "function", "variable", "value", "code block", "output block", "tag", "file name", "error", "key")
"""Sub-types of TECH that name something within one program: they have no meaning outside of it."""

PASSING = ("version", "user name")
"""Sub-types that say something of another entity, or of the speaker, and stand for nothing by themselves."""

COMMON = ("data structure", "data type", "interface element")
"""Sub-types that recognition gives to common nouns (list, string, button): kinds of things, no names."""


NO_NODES = (*CODE, *PASSING, *COMMON)
"""Sub-types of what is no node of the graph."""


def in_graph(type: str, subtype: str) -> bool:
    """Say whether entities of this kind become nodes: names do; dates, common nouns, the inside of programs do not."""
    return type not in (DATE, NUMBER) and subtype not in NO_NODES
