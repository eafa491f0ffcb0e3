"""Pinned headers and registered keys are kept alike on both engines."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import Engine, func, select

from opengdi.delivery.download.pins import HeaderPins, pinned_headers
from opengdi.delivery.download.recipients import RecipientKeys
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.database import reading
from opengdi.standards.crypt4gh import PublicKey
from opengdi.testing.delivery import MemoryFiles

HOUR = timedelta(hours=1)
ME, OTHER = PublicKey(bytes(range(32))), PublicKey(bytes(range(1, 33)))


async def test_a_header_stays_for_its_file_and_recipient_until_it_is_over(engine: Engine) -> None:
    clock, file = FixedClock(), MemoryFiles().hold("F1", b"x")
    pins = HeaderPins(engine, clock, HOUR)
    assert await pins.pinned(file, ME) is None
    assert await pins.pin(file, ME, b"mine") == b"mine"
    assert await pins.pin(file, ME, b"later") == b"mine"
    assert await pins.pinned(file, ME) == b"mine"
    assert await pins.pinned(file, OTHER) is None
    assert await pins.pinned(replace(file, body_sha256="0" * 64), ME) is None
    clock.advance(3600)
    assert await pins.pinned(file, ME) is None
    assert await pins.pin(file, ME, b"later") == b"later"


async def test_pins_that_are_over_do_not_pile_up(engine: Engine) -> None:
    clock, file = FixedClock(), MemoryFiles().hold("F1", b"x")
    pins = HeaderPins(engine, clock, HOUR)
    for _ in range(5):
        await pins.pin(file, PublicKey(os.urandom(32)), b"header")
    clock.advance(3600)
    await pins.pin(file, ME, b"header")
    with reading(engine) as connection:
        assert connection.scalar(select(func.count()).select_from(pinned_headers)) == 1


async def test_requests_that_pin_at_once_get_one_header(engine: Engine) -> None:
    file = MemoryFiles().hold("F1", b"x")
    pins = HeaderPins(engine, FixedClock(), HOUR)
    found = await asyncio.gather(*(pins.pin(file, ME, b"%d" % number) for number in range(12)))
    assert len(set(found)) == 1
    assert await pins.pinned(file, ME) == found[0]


async def test_a_caller_has_one_key_and_may_take_it_back(engine: Engine) -> None:
    keys = RecipientKeys(engine, FixedClock())
    assert await keys.find("token:ada") is None
    await keys.register("token:ada", ME)
    await keys.register("token:eve", ME)
    await keys.register("token:ada", OTHER)
    found = await keys.find("token:ada")
    assert found is not None
    assert (found.key, found.registered) == (OTHER, FixedClock().now())
    await keys.forget("token:ada")
    await keys.forget("token:ada")
    assert await keys.find("token:ada") is None
    assert await keys.find("token:eve") is not None
