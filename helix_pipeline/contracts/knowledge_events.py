"""The events of the topic `helixagent.knowledge`: what someone states about entities outside of any message.

Nothing is deleted: a statement that no longer holds is stated again with `ended`.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from helix_pipeline.contracts.events import Event, Identifier, Name, Share

EntityType = Annotated[str, Field(pattern=r"^[A-Z]{1,32}$")]
Relation = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class EntityStated(Event):
    """An entity is there, of this name and type, also called by these aliases.

    `entity_id` is given by the resolver from name and type, so that what messages call by one of the names is the
    same entity.
    """

    entity_field: ClassVar[str] = "entity_id"

    event_type: Literal["entity.stated"] = "entity.stated"
    entity_id: Identifier
    name: Name
    type: EntityType
    subtype: Name | None = None
    aliases: list[str] = Field(default_factory=list)
    source: Name | None = None


class RelationshipStated(Event):
    """From `timestamp` on, subject and object are in this relation; with `ended`, no longer.

    `entity_id` is the subject's. The message that says so, if any, is the evidence.
    """

    entity_field: ClassVar[str] = "entity_id"

    event_type: Literal["relationship.stated"] = "relationship.stated"
    entity_id: Identifier
    relation: Relation
    object_id: Identifier
    confidence: Share = 1.0
    ended: bool = False
    conversation_id: Identifier | None = None
    message_id: Identifier | None = None
    source: Name | None = None
