"""Two counts of people that differ by a handful are the same as an answer about that handful.

The guard remembers the sets of people whose size one caller was told. A set that differs from one of them by
fewer people than the policy's `differencing_floor` is told as that earlier one: whether the two are equal or
differ by a few cannot be seen (a refusal would show it).
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

import numpy as np
import numpy.typing as npt
from sqlalchemy import Column, Integer, LargeBinary, String, Table

from opengdi.kernel.database import metadata
from opengdi.kernel.disclosure.ledger import BudgetAccount
from opengdi.kernel.principal import Principal

Bitmap = npt.NDArray[np.uint8]
"""One bit per individual, packed as `numpy.packbits` does."""

people_told: Final = Table(
    "people_told",
    metadata,
    Column("purse", String(200), primary_key=True),
    Column("dataset", String(128), primary_key=True),
    Column("version", String(128), primary_key=True),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("individuals", LargeBinary, nullable=False),
)
"""individuals: a bitmap, compressed by zlib."""

_REMEMBERED: Final = 256
"""Sets remembered per caller and dataset."""


class DifferencingGuard:
    """Remembers what each caller was told about people."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], list[Bitmap]] = defaultdict(list)

    async def admit(self, asker: Principal, account: BudgetAccount, individuals: Bitmap) -> bool:
        """False if the set differs from one told earlier by at least one person and by fewer than the floor."""
        size = int(np.bitwise_count(individuals).sum())
        return await self.settle(asker, account, individuals) == size

    async def settle(self, asker: Principal, account: BudgetAccount, individuals: Bitmap) -> int:
        """How many people to publish: the size of the set, or of the earlier one from which it hardly differs.

        Sets that the floor on people hides tell nothing and are not remembered.
        """
        size = int(np.bitwise_count(individuals).sum())
        floor = account.policy.k_individuals
        if not floor <= size <= account.individuals - floor:
            return size
        told = self._told[asker.subject, account.dataset]
        for earlier in told:
            if int(np.bitwise_count(earlier ^ individuals).sum()) < account.policy.differencing_floor:
                return int(np.bitwise_count(earlier).sum())
        if len(told) < _REMEMBERED:
            told.append(individuals.copy())
        return size
