"""Log lines: text or JSON, with the request, without the text of an exception."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from opengdi.kernel.logging import JsonLine, TextLine, current_request_id


@pytest.fixture
def record() -> logging.LogRecord:
    try:
        raise KeyError("token-1234")
    except KeyError:
        cause = sys.exc_info()
    made = logging.LogRecord("opengdi.x", logging.ERROR, __file__, 1, "release %s failed", ("7",), cause)
    made.created = 1_767_225_600.25
    return made


@pytest.fixture
def _answering():
    token = current_request_id.set("r-1")
    yield
    current_request_id.reset(token)


@pytest.mark.usefixtures("_answering")
def test_a_json_line_names_time_level_request_and_cause(record):
    assert json.loads(JsonLine().format(record)) == {
        "time": "2026-01-01T00:00:00.250Z",
        "level": "error",
        "logger": "opengdi.x",
        "message": "release 7 failed",
        "request": "r-1",
        "exception": f"KeyError at {__name__}:17",
    }


@pytest.mark.usefixtures("_answering")
def test_a_text_line_is_one_line(record):
    line = TextLine().format(record)
    assert line.startswith("2026-01-01T00:00:00.250Z ERROR   opengdi.x: release 7 failed (KeyError at ")
    assert line.endswith(" [r-1]")
    assert "\n" not in line


@pytest.mark.parametrize("shape", [TextLine, JsonLine])
def test_the_text_of_an_exception_is_never_written(record, shape):
    assert "token-1234" not in shape().format(record)
