"""A node's edition has another name after every change of what is published, and after every start."""

from __future__ import annotations

from collections.abc import Sequence

from opengdi.apps.beacons import Editions


def test_a_name_holds_until_something_changes() -> None:
    published: list[Sequence[object]] = [()]
    editions = Editions(lambda: published[0])  # type: ignore[arg-type,return-value]
    first = editions.current()
    assert editions.current() == first
    published[0] = ("a release",)
    second = editions.current()
    assert second != first
    published[0] = ()
    assert editions.current() not in {first, second}, "what was hidden and comes back is a change too"


def test_another_process_names_nothing_alike() -> None:
    assert Editions(lambda: ()).current() != Editions(lambda: ()).current()
