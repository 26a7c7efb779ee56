"""Between which types of entities a relation can hold: what a recogniser or a rule gets wrong often breaks this."""

from helix_pipeline.domain.entities.types import CONCEPT, EVENT, LOCATION, ORGANIZATION, PERSON, PRODUCT, TECH
from helix_pipeline.domain.relationships import cues

USER = "USER"
"""The type of who speaks."""

_THINGS = frozenset({TECH, PRODUCT, CONCEPT, ORGANIZATION})
_ACTORS = frozenset({USER, PERSON, ORGANIZATION})
_NAMED = _THINGS | {PERSON, LOCATION, EVENT}

_ENDS = {
    cues.USES: (_ACTORS | _THINGS, _THINGS),
    cues.ALTERNATIVE: (_THINGS, _THINGS),
    cues.PART: (_NAMED, _NAMED),
    cues.WRITTEN: (frozenset({TECH, PRODUCT}), frozenset({TECH})),
    cues.DEPENDS: (_THINGS, _THINGS),
    cues.CAUSED: (_THINGS | {EVENT}, _THINGS | {EVENT}),
    cues.PREFERS: (_ACTORS, _NAMED - {PERSON}),
    cues.DECIDED: (_ACTORS, _NAMED - {PERSON}),
}


def can_hold(relation: str, subject_type: str, object_type: str) -> bool:
    """Say whether the relation can hold between entities of these types."""
    subjects, objects = _ENDS[relation]
    return subject_type in subjects and object_type in objects
