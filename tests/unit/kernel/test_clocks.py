"""Time as a port."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from opengdi.kernel.clock import FixedClock, SystemClock


def test_the_machines_clock_is_aware_and_in_utc():
    clock = SystemClock()
    assert clock.now().utcoffset() == timedelta(0)
    assert clock.monotonic() <= clock.monotonic()


def test_a_fixed_clock_moves_only_when_told_to_and_both_its_times_together():
    clock = FixedClock(datetime(2026, 3, 1, tzinfo=UTC))
    before = clock.monotonic()
    assert clock.now() == clock.now()
    clock.advance(90)
    assert clock.now() == datetime(2026, 3, 1, 0, 1, 30, tzinfo=UTC)
    assert clock.monotonic() - before == 90
