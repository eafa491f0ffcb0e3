"""Whatever a client makes of the OpenAPI document: an answer or a Beacon error, never a server error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from tests.node_beacons import (
    AGGREGATED,
    INDIVIDUALS,
    PORTAL_ROW,
    TOKEN,
    HeldRows,
    NodeBeacons,
    Person,
    manifest,
    node_beacons,
)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeBeacons]:
    people = [Person(frozenset(), 40, frozenset({0}))] * 1000
    with node_beacons(tmp_path_factory.mktemp("fuzz"), [HeldRows(manifest(), [PORTAL_ROW], people)]) as node:
        yield node


@pytest.mark.parametrize("base", [AGGREGATED, INDIVIDUALS])
def test_no_generated_request_breaks_the_beacon(node: NodeBeacons, base: str) -> None:
    schema = schemathesis.openapi.from_asgi(f"{base}/openapi.json", node.app)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > 30
    for operation in operations:
        _fuzz(operation)


def _fuzz(operation: Any) -> None:
    @given(case=operation.as_strategy() | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
    @settings(max_examples=16, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def answers(case: Any) -> None:
        answer = case.call(headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status_code < 500, (operation.label, answer.text)

    answers()
