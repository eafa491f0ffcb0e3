"""Two connections of PostgreSQL that change an application and its permit at once, each from the other end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event
from tests.contract.test_permits_of_a_hub_and_a_node import (
    BODY,
    MINDER,
    Federation,
    automatic,
    federation,
)

from opengdi.access.applications.model import State as ApplicationState
from opengdi.access.permits.model import State
from opengdi.kernel.principal import Duty, Principal, Role, Tier

__all__ = ["automatic", "federation"]

COORDINATOR = Principal(MINDER, Tier.REGISTERED, duties=frozenset({Duty(Role.COORDINATOR)}), logged_in=True)


@pytest.fixture
def database(postgres_url: str) -> dict[str, str]:
    return {"url": postgres_url}


@contextmanager
def slow_writes(federation: Federation) -> Iterator[None]:
    """Every event takes a while to be written, so that the other connection is in the midst of it too."""

    def wait(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("INSERT INTO access_events"):
            time.sleep(0.2)

    engine = federation.permits.permits._means.ledger.engine
    event.listen(engine, "after_cursor_execute", wait)
    yield
    event.remove(engine, "after_cursor_execute", wait)


def at_once(*works: Callable[[], Any]) -> list[BaseException]:
    """What they failed with."""
    failures, began = list[BaseException](), threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> None:
        began.wait()
        try:
            work()
        except BaseException as error:  # noqa: BLE001  told below
            failures.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


async def test_a_decision_and_a_revocation_that_cross_both_come_through(federation: Federation):
    """Both are told by a node, in transactions that nobody tries again."""
    id_, permit = await federation.granted()
    case, permits = f"{id_}.{BODY}", federation.permits.permits
    federation.clock.advance(60)
    again = federation.decide(id_, told=False)
    with slow_writes(federation):
        failures = at_once(
            lambda: federation.event("eu.gdi.case.decided", case, case=case, decision=again),
            lambda: federation.event("eu.gdi.entitlement.ended", permit, permit=permit),
        )
    assert not failures
    assert permits.open(permit, COORDINATOR)[0].state is State.ENDED
    assert federation.applications.state(id_).state is ApplicationState.REVOKED
