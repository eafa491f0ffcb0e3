"""RFC 9457 problem details."""

from __future__ import annotations

import json

import pytest

from opengdi.standards.problem import MEDIA_TYPE, Problem


def test_a_problem_has_the_members_of_the_specification_and_its_extensions():
    problem = Problem(404, "Not Found", "No dataset Ä.", "/datasets/x", extensions={"requestId": "r-1"})
    assert json.loads(problem.to_json()) == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "No dataset Ä.",
        "instance": "/datasets/x",
        "requestId": "r-1",
    }
    assert MEDIA_TYPE == "application/problem+json"


def test_empty_members_are_left_out():
    assert json.loads(Problem(500, "Internal Server Error").to_json()).keys() == {"type", "title", "status"}


def test_an_extension_cannot_replace_a_member():
    with pytest.raises(ValueError, match="status"):
        Problem(403, "Forbidden", extensions={"status": 200})
