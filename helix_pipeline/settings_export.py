"""Settings for a process that this one starts: a file without secrets, and the secrets as environment variables."""

import os
from pathlib import Path

import yaml
from pydantic import SecretStr

from helix_pipeline.settings import ENVIRONMENT, Settings


def export(settings: Settings, path: Path) -> dict[str, str]:
    """Write the settings to a file that only its owner may read; return the variables that make them another's.

    Variables that this process has itself, and that say something else, are set to what the settings say.
    """
    document = settings.model_dump(mode="json") | {"home": str(settings.home.resolve())}
    variables = {"HELIX_CONFIG": str(path.resolve())}
    for variable, key in ENVIRONMENT.items():
        group, _, name = key.rpartition(".")
        value = getattr(getattr(settings, group), name) if group else settings.home.resolve()
        if isinstance(value, SecretStr):
            document[group].pop(name, None)
            variables[variable] = value.get_secret_value()
        elif variable in os.environ:
            variables[variable] = "" if value is None else str(value)
    draft = path.with_suffix(".draft")
    draft.touch(mode=0o600)
    draft.write_text(yaml.safe_dump({"bigdata": document}), encoding="utf-8")
    draft.replace(path)
    return variables
