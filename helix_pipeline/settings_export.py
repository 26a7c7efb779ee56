"""Settings for a process that this one starts: a file without secrets, and the secrets as environment variables."""

import os
from pathlib import Path
from typing import Any

import yaml
from pydantic import SecretStr

from helix_pipeline.settings import ENVIRONMENT, Settings


def write(settings: Settings, path: Path) -> None:
    """Write the settings without their secrets to a file that only its owner may read."""
    document = settings.model_dump(mode="json") | {"home": str(settings.home.resolve())}
    for key in ENVIRONMENT.values():
        group, _, name = key.rpartition(".")
        if isinstance(_value(settings, key), SecretStr):
            document[group].pop(name, None)
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(yaml.safe_dump({"bigdata": document}), encoding="utf-8")
    draft.replace(path)


def variables(settings: Settings, path: Path) -> dict[str, str]:
    """Return the environment that makes the settings, written to `path`, those of another process.

    Variables that this process has itself are set to what the settings say.
    """
    found = {"HELIX_CONFIG": str(path.resolve())}
    for variable, key in ENVIRONMENT.items():
        value = _value(settings, key)
        if isinstance(value, SecretStr):
            found[variable] = value.get_secret_value()
        elif variable in os.environ:
            found[variable] = "" if value is None else str(value)
    return found


def _value(settings: Settings, key: str) -> Any:
    group, _, name = key.rpartition(".")
    return getattr(getattr(settings, group), name) if group else settings.home.resolve()
