"""Settings files: YAML under one key `bigdata`, with `${VAR}` and `${VAR:-default}` taken from the environment."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from helix_pipeline.errors import SettingsError

_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def read_settings_file(path: Path | None, environ: Mapping[str, str]) -> list[tuple[str, Any, str]]:
    """Return (dotted key, value, where) of each setting in a file; none where `path` is none. Raises SettingsError."""
    if path is None:
        return []
    leaves = [(key, _expand(value, environ, f"{path}: {key}")) for key, value in _leaves(_document(path))]
    return [(key, value, str(path)) for key, value in leaves if value is not None]


def _document(path: Path) -> dict[str, Any]:
    """Return what stands under `bigdata`: nothing, where the file is still empty."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot read the settings file {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8 text: see byte {error.start}") from None
    except yaml.YAMLError as error:
        raise SettingsError(f"{path} is not valid YAML{_place(error)}") from None
    if document is None:
        return {}
    root = document.get("bigdata") or {} if isinstance(document, dict) and set(document) <= {"bigdata"} else None
    if not isinstance(root, dict):
        found = sorted(map(str, document)) if isinstance(document, dict) and root is None else document
        raise SettingsError(f"{path}: expected groups of settings under one top-level key `bigdata`, found {found}")
    return root


def _place(error: yaml.YAMLError) -> str:
    """Return the line and the problem, without the line's text: it may hold a secret."""
    mark = getattr(error, "problem_mark", None)
    return f": line {mark.line + 1}: {getattr(error, 'problem', '')}" if mark else ""


def _leaves(node: Any, prefix: str = "") -> list[tuple[str, Any]]:
    if not isinstance(node, dict):
        return [(prefix, node)]
    return [leaf for key, value in node.items() for leaf in _leaves(value, f"{prefix}.{key}" if prefix else str(key))]


def _expand(value: Any, environ: Mapping[str, str], where: str) -> Any:
    if not isinstance(value, str):
        return value

    def replace(match: re.Match[str]) -> str:
        name, default = match.groups()
        if environ.get(name) or default is not None:
            return environ.get(name) or default
        raise SettingsError(f"{where}: ${{{name}}} is not set in the environment; set it or write ${{{name}:-default}}")

    return _VARIABLE.sub(replace, value) or None
