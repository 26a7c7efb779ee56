"""What a ClickHouse HTTP request asks for: query string, headers and body in, `Request` out."""

import base64
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from urllib.parse import parse_qsl

from helix_pipeline.local.clickhouse_http.compression import decode, decode_blocks
from helix_pipeline.local.clickhouse_http.errors import ClickHouseError

MAX_BODY_BYTES = 1 << 30
"""Upper bound of a request body, both as sent and after decompression."""

_TRANSPORT = frozenset(
    {
        "query",
        "database",
        "default_format",
        "user",
        "password",
        "session_id",
        "session_timeout",
        "session_check",
        "query_id",
        "quota_key",
        "compress",
        "decompress",
        "wait_end_of_query",
        "client_protocol_version",
        "role",
        "buffer_size",
        "send_progress_in_http_headers",
        "http_headers_progress_interval_ms",
        "enable_http_compression",
        "http_native_compression_disable_checksumming_on_decompress",
    }
)
"""Options that steer the protocol; every other option is a setting of the statement."""


@dataclass(frozen=True)
class Request:
    """One statement and all that came with it. Rows of an INSERT end `statement` or are in `rows`."""

    statement: bytes
    rows: bytes = b""
    user: str = "default"
    password: str = field(default="", repr=False)
    database: str | None = None
    default_format: str = "TabSeparated"
    query_id: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    session_id: str | None = None
    session_timeout_s: float = 60.0
    session_must_exist: bool = False
    compress_blocks: bool = False


def parse_request(query_string: str, headers: Message, body: bytes) -> Request:
    """Read a request; `body` is as received. Raises ClickHouseError for what cannot be read."""
    options = dict(parse_qsl(query_string, keep_blank_values=True))
    body = decode(body, headers.get("Content-Encoding", ""), MAX_BODY_BYTES)
    if headers.get_content_type() == "multipart/form-data":
        options |= _form_fields(headers, body)
        body = b""
    if options.get("decompress") == "1":
        body = decode_blocks(body, MAX_BODY_BYTES)
    user, password = _credentials(headers, options)
    return Request(
        statement=options["query"].encode() if "query" in options else body,
        rows=body if "query" in options else b"",
        user=user,
        password=password,
        database=headers.get("X-ClickHouse-Database") or options.get("database"),
        default_format=options.get("default_format") or headers.get("X-ClickHouse-Format") or "TabSeparated",
        query_id=options.get("query_id") or str(uuid.uuid4()),
        parameters={key[6:]: value for key, value in options.items() if key.startswith("param_")},
        settings={k: v for k, v in options.items() if k not in _TRANSPORT and not k.startswith("param_")},
        session_id=options.get("session_id"),
        session_timeout_s=min(float(options.get("session_timeout") or 60), 3600.0),
        session_must_exist=options.get("session_check") == "1",
        compress_blocks=options.get("compress") == "1",
    )


def _credentials(headers: Message, options: Mapping[str, str]) -> tuple[str, str]:
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        user, _, password = base64.b64decode(token).decode().partition(":")
        return user, password
    user = headers.get("X-ClickHouse-User") or options.get("user") or "default"
    return user, headers.get("X-ClickHouse-Key") or options.get("password") or ""


def _form_fields(headers: Message, body: bytes) -> dict[str, str]:
    """Fields of a multipart form: clients send long bound parameters this way."""
    head = f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode()
    form = BytesParser().parsebytes(head + body)
    fields = {}
    for part in (part for part in form.walk() if not part.is_multipart()):
        name = str(part.get_param("name", header="content-disposition"))
        if part.get_filename() is not None:
            message = f"External table {name} is not supported by the embedded engine"
            raise ClickHouseError(48, "NOT_IMPLEMENTED", message)
        payload = part.get_payload(decode=True)
        fields[name] = payload.decode() if isinstance(payload, bytes) else ""
    return fields
