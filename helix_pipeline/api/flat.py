"""Models of answers that have the fields of a service's dataclass on one level with those of a base."""

from collections.abc import Collection
from typing import Any, TypeVar, get_type_hints

from pydantic import BaseModel, create_model

_Base = TypeVar("_Base", bound=BaseModel)


def flat(name: str, kind: type, base: type[_Base], without: Collection[str] = ()) -> type[_Base]:
    """Return a model with the fields of `base` and those of the dataclass `kind`, but for some."""
    fields: dict[str, Any] = {one: (hint, ...) for one, hint in get_type_hints(kind).items() if one not in without}
    return create_model(name, __base__=base, __doc__=kind.__doc__, **fields)
