"""Log lines on standard error, as text or as one JSON object each. No secret, token or genotype is ever among them.

An exception is written as its type and place: its text may hold a value from a request or from the data.
"""

from __future__ import annotations

import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Literal

import msgspec

current_request_id: ContextVar[str] = ContextVar("current_request_id", default="")
"""The request that is being answered, for log lines."""


def _cause(record: logging.LogRecord) -> str:
    """`KeyError at opengdi.discovery.releases:42`, or nothing."""
    if not record.exc_info or record.exc_info[0] is None:
        return ""
    kind, _, trace = record.exc_info
    return f"{kind.__name__}{_place(trace)}"


def _place(trace: TracebackType | None) -> str:
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f" at {trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}" if trace else ""


class TextLine(logging.Formatter):
    """`2026-01-01T00:00:00Z INFO  opengdi.apps.node: … [request]`"""

    def format(self, record: logging.LogRecord) -> str:
        request = current_request_id.get()
        tail = f" [{request}]" if request else ""
        cause = f" ({_cause(record)})" if record.exc_info else ""
        return f"{_when(record)} {record.levelname:<7} {record.name}: {record.getMessage()}{cause}{tail}"


class JsonLine(logging.Formatter):
    """One object a line: time, level, logger, message, and request and exception where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        members = {
            "time": _when(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request": current_request_id.get(),
            "exception": _cause(record),
        }
        return msgspec.json.encode({name: value for name, value in members.items() if value}).decode()


def _when(record: logging.LogRecord) -> str:
    return (
        datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


def write_log_lines(level: str = "info", shape: Literal["text", "json"] = "text") -> None:
    """Send every line of `level` and above to standard error in `shape`; replaces earlier arrangements."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLine() if shape == "json" else TextLine())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for noisy in (
        "uvicorn.error",
        "uvicorn.access",
        "httpx",
        "httpcore",
        "asyncio",
        "alembic",
        "distributed",
    ):
        logging.getLogger(noisy).setLevel(logging.WARNING)
