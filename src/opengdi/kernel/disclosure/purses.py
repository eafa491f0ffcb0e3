"""Purses in memory: what each caller has spent in all datasets, and those of them that are remembered. Pure."""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterable, Sequence
from struct import pack
from typing import NamedTuple

import msgspec
import numpy as np

from opengdi.kernel.disclosure.ledger import THE_PUBLIC, Charge
from opengdi.kernel.disclosure.spending import Spending, Told


class Booking(NamedTuple):
    """Units booked at once of one version of a dataset, signed 64-bit keys, little end first; of how many people.

    loss: as of a `BudgetAccount`; absent from what was booked before there were losses.
    """

    dataset: str
    version: str
    individuals: int
    units: bytes
    loss: int = 0

    @property
    def of(self) -> tuple[str, str, int, int]:
        """What the units were told of: dataset, version, individuals and loss."""
        return self.dataset, self.version, self.individuals, self.loss


Bookings = list[Booking]

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Bookings).decode


def bookings_text(bookings: Bookings) -> str:
    """What a journal keeps of bookings: a JSON array of `[dataset, version, individuals, units in base64, loss]`."""
    return _encode(bookings).decode()


def read_bookings(text: str) -> Bookings:
    """The bookings that a journal kept."""
    return _decode(text)


def joined_bookings(bookings: Iterable[Booking]) -> Bookings:
    """The same bookings, those of one version of a dataset in one."""
    units: defaultdict[tuple[str, str, int, int], list[bytes]] = defaultdict(list)
    for booking in bookings:
        units[booking.of].append(booking.units)
    return [
        Booking(dataset, version, individuals, b"".join(blobs), loss)
        for (dataset, version, individuals, loss), blobs in units.items()
    ]


class Purse(Spending):
    """What one caller has spent, as a journal keeps it.

    rows: of the journal since they were last merged. merged: turn of the row that they were last merged into.
    """

    def __init__(self, name: str) -> None:
        super().__init__(is_public=name == THE_PUBLIC)
        self.name = name
        self.rows = 0
        self.merged = 0

    def bookings(self) -> Bookings:
        """What is to be booked."""
        bookings: Bookings = []
        for versions, units in self.reserved():
            packed = _packed(units)
            bookings += [
                Booking(told.dataset, told.version, told.individuals, packed, told.loss) for told in versions
            ]
        return bookings

    def book_all(self, bookings: Iterable[Booking]) -> None:
        """Book what a journal holds; units are joined first, since there may be a booking for each."""
        for dataset, version, individuals, units, loss in joined_bookings(bookings):
            self.book((dataset, version, loss), individuals, _unpacked(units))


def decide(purses: Sequence[Purse], charge: Charge) -> bool:
    """True if every purse can afford the charge, which is then reserved in each."""
    account, units = charge
    if not units or account.is_unlimited:
        return True
    afforded = []
    for purse in purses:
        fresh = purse.afforded(account, units)
        if fresh is None:
            return False
        if fresh:
            afforded.append((purse, fresh))
    for purse, fresh in afforded:
        purse.reserve(account, fresh)
    return True


def decide_all(purses: Sequence[Purse], charges: Sequence[Charge]) -> list[bool]:
    """`decide` for each charge, in order; several datasets that tell of one unit are decided at once."""
    unit = _only_unit(charges)
    if unit is None:
        return [decide(purses, charge) for charge in charges]
    accounts = [account for account, _ in charges]
    found = [purse.afforded_each(accounts, unit) for purse in purses]
    refused = {place for each in found for place, told in enumerate(each) if told is False}
    for purse, each in zip(purses, found, strict=True):
        versions = enumerate(each)
        purse.reserve_each(
            (told for place, told in versions if isinstance(told, Told) and place not in refused), unit
        )
    return [place not in refused for place in range(len(charges))]


def _only_unit(charges: Sequence[Charge]) -> int | None:
    """The one unit of all charges, if they are of several datasets, each named once and with a budget."""
    datasets = {account.dataset for account, _ in charges}
    units = {units[0] if len(units) == 1 and not account.is_unlimited else None for account, units in charges}
    return units.pop() if 1 < len(datasets) == len(charges) and len(units) == 1 else None


class RememberedPurses:
    """Purses in memory; those used least recently are dropped when all take more than `limit_bytes`.

    The one used last stays in any case, or every charge would read it again.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._size_bytes = 0
        self._lock = threading.Lock()
        self._purses: OrderedDict[str, tuple[Purse, int]] = OrderedDict()

    def verdicts(self, names: Sequence[str], charges: Sequence[Charge]) -> list[bool] | None:
        """Per charge: True for a replay and what costs nothing, False if a purse can never afford it.

        None if one of them is to be booked or looked up.
        """
        verdicts = []
        with self._lock:
            purses = [self._touch(name) for name in names]
            for charge in charges:
                verdict = _verdict(purses, charge)
                if verdict is None:
                    return None
                verdicts.append(verdict)
        return verdicts

    def get(self, name: str) -> Purse | None:
        with self._lock:
            return self._touch(name)

    def keep(self, purse: Purse) -> None:
        """Remember a purse, with what it reserved booked."""
        with self._lock:
            purse.settle()
            size_bytes = purse.size_bytes
            _, old_bytes = self._purses.pop(purse.name, (purse, 0))
            self._purses[purse.name] = (purse, size_bytes)
            self._size_bytes += size_bytes - old_bytes
            while self._size_bytes > self._limit_bytes and len(self._purses) > 1:
                _, (_, dropped_bytes) = self._purses.popitem(last=False)
                self._size_bytes -= dropped_bytes

    def clear(self) -> None:
        with self._lock:
            self._purses.clear()
            self._size_bytes = 0

    def _touch(self, name: str) -> Purse | None:
        held = self._purses.get(name)
        if held is None:
            return None
        self._purses.move_to_end(name)
        return held[0]


def _verdict(purses: Sequence[Purse | None], charge: Charge) -> bool | None:
    account, units = charge
    if not units or account.is_unlimited:
        return True
    is_replay = True
    for purse in purses:
        verdict = None if purse is None else purse.verdict(account, units)
        if verdict is False:
            return False
        is_replay = is_replay and verdict is True
    return True if is_replay else None


def _packed(units: Collection[int]) -> bytes:
    return pack(f"<{len(units)}q", *units)


def _unpacked(units: bytes) -> list[int]:
    unpacked: list[int] = np.frombuffer(units, dtype="<i8").tolist()
    return unpacked
