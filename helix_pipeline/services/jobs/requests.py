"""What a submission must be before it is accepted: a known job, allowed paths, parameters of the catalogue."""

import hashlib
import json
import math
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from helix_pipeline.catalog import Job, Parameter, find
from helix_pipeline.errors import UsageError
from helix_pipeline.services.jobs.roots import allowed
from helix_pipeline.settings import Settings
from helix_pipeline.stores.jobs import NewJob

MAX_KEY = 255
MAX_TEXT = 4096


class ParameterError(UsageError):
    """A parameter that the job does not have, or a value that it does not take."""


@dataclass(frozen=True)
class Submission:
    """A job as it was asked for; input and output are the lake's root where they are not given."""

    job_type: str
    input_path: str | None = None
    output_path: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    day: date | None = None


def checked(settings: Settings, asked: Submission, key: str | None) -> NewJob:
    """Return what is to be stored for a submission.

    Raises UsageError: an unknown type, a path that is not allowed (`roots.OutsideRootsError`), a bad parameter
    (`ParameterError`) or key.
    """
    if key is not None and not (0 < len(key) <= MAX_KEY and key.isprintable()):
        raise UsageError(f"an Idempotency-Key has 1 to {MAX_KEY} printable characters")
    job = find(asked.job_type)
    request = {
        "input": allowed(settings, asked.input_path or settings.lake_root),
        "output": allowed(settings, asked.output_path or settings.lake_root),
        "date": asked.day.isoformat() if asked.day else None,
        "params": parameters(job, asked.params),
    }
    text = json.dumps({"job_type": job.type, **request}, sort_keys=True)
    request_hash = hashlib.sha256(text.encode()).hexdigest()
    return NewJob(f"job-{secrets.token_hex(8)}", job.type, settings.jobs.backend, request, request_hash, key)


def parameters(job: Job, given: Mapping[str, Any]) -> dict[str, int | float | str]:
    """Return the given parameters with the catalogue's types. Raises ParameterError."""
    known = {parameter.name: parameter for parameter in job.parameters}
    unknown = sorted(set(given) - set(known))
    if unknown:
        takes = f"it takes {', '.join(known)}" if known else "it takes none"
        raise ParameterError(f"{job.type} has no parameter {', '.join(map(repr, unknown))}; {takes}")
    return {name: _value(known[name], value) for name, value in given.items()}


def _value(parameter: Parameter, value: Any) -> int | float | str:
    if parameter.kind is str and isinstance(value, str) and len(value) <= MAX_TEXT and value.isprintable():
        return value
    if parameter.kind is int and isinstance(value, int) and not isinstance(value, bool):
        return value
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if parameter.kind is float and is_number and math.isfinite(value):
        return float(value)
    kind = {int: "an integer", float: "a number", str: f"a text of at most {MAX_TEXT} printable characters"}
    raise ParameterError(f"parameter {parameter.name!r} must be {kind[parameter.kind]}, not {str(value)[:80]!r}")
