"""What reading gives.

An event, or why there is none; and the one place where an event is built from fields.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic import ValidationError

from helix_pipeline.contracts.events import SCHEMA_VERSION, Event
from helix_pipeline.errors import UsageError
from helix_pipeline.formats.fields import FieldError, instant

_SHOWN = 120
_REASONS = {"missing": "missing field", "extra_forbidden": "unknown field", "timezone_aware": "bad timestamp"}


class BadFileError(UsageError):
    """A file of which nothing, or nothing from some place on, can be read; names the file and the place."""


class UnknownFormatError(BadFileError):
    """A file that is readable but has none of the known shapes; names the keys that were found."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that cannot be an event: `place` in the file, `reason` (one of few, to count by), `detail`."""

    place: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """A part of the source that holds no message, such as an empty system node or an abandoned branch."""

    place: str
    reason: str


Outcome: TypeAlias = Event | Rejected | Skipped


def build(model: type[Event], fields: Mapping[str, Any], place: str) -> Event | Rejected:
    """Return the event with these fields, or why the contract refuses them.

    `timestamp` may be an ISO 8601 text, epoch seconds or milliseconds, or an aware datetime.
    """
    try:
        return model.__pydantic_validator__.validate_python(  # type: ignore[no-any-return]
            {**fields, "timestamp": instant(fields.get("timestamp"))}
        )
    except FieldError as error:
        return Rejected(place, error.reason, str(error))
    except ValidationError as error:
        return _refusal(error, place)


def _refusal(error: ValidationError, place: str) -> Rejected:
    first = error.errors(include_url=False, include_context=False)[0]
    key = ".".join(map(str, first["loc"]))
    if first["type"] == "missing":
        return Rejected(place, "missing field", f"`{key}` is missing")
    found = shown(first["input"])
    if key == "schema_version" and first["type"] == "less_than_equal":
        return Rejected(place, "newer schema version", f"{found} is newer than {SCHEMA_VERSION}; update helix")
    reason = _REASONS.get(first["type"]) or ("wrong type" if first["type"].endswith("_type") else "bad value")
    return Rejected(place, reason, f"`{key}` = {found}: {first['msg']}")


def shown(value: object) -> str:
    """Return the value as text of at most 120 characters, for an error message."""
    text = repr(value[:_SHOWN] if isinstance(value, str | bytes) else value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
