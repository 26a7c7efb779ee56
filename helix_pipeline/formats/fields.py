"""Values of source fields: times, identifiers, the text of a message, providers of models. Pure functions."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from helix_pipeline.contracts.events import EARLIEST, LATEST

ASSUMED_EPOCH = EARLIEST
_MILLISECONDS_FROM = 1e11
_PROVIDERS = {
    "anthropic": ("claude",),
    "openai": ("gpt", "chatgpt", "o1", "o3", "o4", "text-davinci"),
    "google": ("gemini", "gemma", "palm", "bard"),
    "meta": ("llama", "meta-llama"),
    "mistral": ("mistral", "mixtral", "ministral", "magistral"),
    "xai": ("grok",),
    "deepseek": ("deepseek",),
    "alibaba": ("qwen", "qwq"),
    "moonshot": ("kimi", "moonshot"),
    "zhipu": ("glm", "chatglm"),
    "cohere": ("command", "c4ai"),
    "minimax": ("minimax",),
    "xiaomi": ("mimo",),
    "bytedance": ("seed", "doubao"),
    "tencent": ("hunyuan", "hy3"),
    "baidu": ("ernie",),
    "microsoft": ("phi", "wizardlm"),
    "01-ai": ("yi-",),
}
_PREFIXES = sorted(((prefix, name) for name, all_ in _PROVIDERS.items() for prefix in all_), reverse=True)


class FieldError(Exception):
    """A value that cannot be read. `reason` is what it is counted under."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def instant(value: object) -> datetime:
    """Return the UTC time of an ISO 8601 text, epoch seconds or milliseconds, or a datetime; no zone means
    UTC.

    Raises FieldError where it is no time or lies outside [2000, 2100).
    """
    moment = _parsed(value)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    if not EARLIEST <= moment < LATEST:
        raise FieldError("absurd timestamp", f"`timestamp` = {value!s:.40} is outside {EARLIEST:%Y} to {LATEST:%Y}")
    return moment.astimezone(UTC)


def _parsed(value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    if value is None:
        raise FieldError("missing field", "`timestamp` is missing")
    try:
        if isinstance(value, str):
            return datetime.fromisoformat(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _from_epoch(value)
    except ValueError:
        pass
    raise FieldError("bad timestamp", f"`timestamp` = {str(value)[:40]!r} is neither ISO 8601 nor epoch seconds")


def _from_epoch(value: float) -> datetime:
    seconds = value / 1000 if abs(value) >= _MILLISECONDS_FROM else value
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        raise FieldError("absurd timestamp", f"`timestamp` = {value:.6g} is outside any calendar") from None


def timing(given: object, start: object, position: int) -> tuple[object, dict[str, Any]]:
    """Return the time of the message at `position` and the metadata that says where it is from.

    The message's own time if given, else the conversation's `start` (else ASSUMED_EPOCH) plus `position`
    seconds.
    """
    if given is not None:
        return given, {}
    base = ASSUMED_EPOCH if start is None else instant(start)
    return base + timedelta(seconds=position), {"timestamp_assumed": True}


def label(value: object) -> Any:
    """Return an identifier or name.

    Numbers become text, empty becomes none, the rest is left to the contract.
    """
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def text_and_rest(content: object) -> tuple[Any, list[Any]]:
    """Return the text of a message's content and its parts that are no text (images, files), in order.

    Content is a text, or a list of texts and of parts with a `text`. Anything else is returned as it is, for
    the contract to refuse.
    """
    if not isinstance(content, Sequence) or isinstance(content, str | bytes):
        return content, []
    texts = [_text_of(part) for part in content]
    rest = [part for part, text in zip(content, texts, strict=True) if text is None]
    return "\n".join(text for text in texts if text), rest


def _text_of(part: object) -> str | None:
    if isinstance(part, str):
        return part
    text = part.get("text") if isinstance(part, dict) else None
    return text if isinstance(text, str) else None


def provider_of(model: object) -> str:
    """Return who makes a model, from the family its name begins with (after any `org/`); else `unknown`."""
    name = str(model).lower().rpartition("/")[2]
    return next((provider for prefix, provider in _PREFIXES if name.startswith(prefix)), "unknown")
