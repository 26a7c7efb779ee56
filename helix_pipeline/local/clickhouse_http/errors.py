"""Errors as a ClickHouse server words them: code, name, HTTP status."""

import re
from dataclasses import dataclass

_HTTP_STATUS = {
    **dict.fromkeys((6, 26, 27, 36, 38, 41, 43, 53, 62, 69, 70, 72, 117, 386, 457), 400),
    **dict.fromkeys((16, 46, 47, 50, 56, 60, 73, 81, 115, 372), 404),
    **dict.fromkeys((497, 516), 403),
    48: 501,
    159: 408,
    202: 503,
    307: 413,
}
_CODE = re.compile(r"Code: (\d+)\.")


class ClickHouseError(Exception):
    """An error with the code and name that a ClickHouse server would give it."""

    def __init__(self, code: int, name: str, message: str) -> None:
        super().__init__(f"Code: {code}. DB::Exception: {message}. ({name})")


@dataclass(frozen=True)
class ErrorReply:
    """How a failed request is answered: HTTP status, ClickHouse code, text as a real server words it."""

    status: int
    code: int
    text: str


def error_reply(error: Exception, version: str) -> ErrorReply:
    """Turn an error of the engine or of this protocol into a reply in ClickHouse's words."""
    text = str(error)
    found = _CODE.search(text)
    if found is None:
        said = f"Code: 1001. DB::Exception: {type(error).__name__}: {text}. (STD_EXCEPTION)\n"
        return ErrorReply(500, 1001, said)
    code = int(found[1])
    text = text[found.start() :].rstrip()
    suffix = "" if "(version " in text else f" (version {version})"
    return ErrorReply(_HTTP_STATUS.get(code, 500), code, f"{text}{suffix}\n")
