"""When two sets of people are too alike to be counted both. Pure.

Let A be told and C be asked. If they differ by a few people, the two numbers together are an answer about those
few; so is the sum of both if they are almost complements. The same goes for C and two sets A and B if C is almost
their disjoint union or almost A without B: |A or B| = |A| + |B| - |A and B|. C is then given the number that the
others imply. Longer combinations are not looked for; rounding is what stands against them.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Bitmap = npt.NDArray[np.uint8]
"""One bit per individual, packed as `numpy.packbits` does; bits past the last individual are 0."""

_FASTEST = 1

_PAIRED = 64
"""Latest sets that are combined two by two."""


def count_people(individuals: Bitmap) -> int:
    """Bits set."""
    return int(np.bitwise_count(individuals).sum(dtype=np.int64))


def packed(individuals: Bitmap) -> bytes:
    """Compressed, for keeping."""
    return zlib.compress(individuals.tobytes(), _FASTEST)


def unpacked(blob: bytes) -> Bitmap:
    """What `packed` was given."""
    return np.frombuffer(zlib.decompress(blob), dtype=np.uint8)


@dataclass(slots=True)
class ToldSets:
    """Sets of people of one cohort of which a caller was told a number, in the order of telling.

    sizes: how many people are in each; numbers: what was told, which an earlier set may have implied.
    """

    blobs: list[bytes] = field(default_factory=list)
    sizes: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    numbers: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    size_bytes: int = 0

    def add(self, blob: bytes, size: int, number: int) -> None:
        """Remember a packed set of `size` people of which `number` was told."""
        self.blobs.append(blob)
        self.sizes = np.append(self.sizes, size)
        self.numbers = np.append(self.numbers, number)
        self.size_bytes += len(blob)

    def told_before(self, individuals: Bitmap, size: int, cohort: int, floor: int) -> int | None:
        """What was told of an earlier set, or implied of its complement, that differs by fewer than `floor` people.

        The earliest such set decides, so that the answer to a repeated question never changes.
        """
        # Sizes are a lower bound of the difference: few sets need to be unpacked.
        near = np.abs(self.sizes - size) < floor
        opposite = np.abs(cohort - self.sizes - size) < floor
        for place in np.flatnonzero(near | opposite).tolist():
            difference = count_people(unpacked(self.blobs[place]) ^ individuals)
            if difference < floor:
                return int(self.numbers[place])
            if cohort - difference < floor:
                return cohort - int(self.numbers[place])
        return None

    def implied(self, individuals: Bitmap, size: int, cohort: int, floor: int) -> int | None:
        """The number that two of the latest sets imply, if what they make differs by fewer than `floor` people."""
        number = self._implied(individuals, size, floor)
        if number is not None:
            return number
        everybody = np.packbits(np.ones(cohort, dtype=np.uint8))
        rest = self._implied(everybody ^ individuals, cohort - size, floor)
        return None if rest is None else cohort - rest

    def _implied(self, individuals: Bitmap, size: int, floor: int) -> int | None:
        """By the disjoint union of two sets, or by one of them without the other.

        Only by sets of which their own size was told, so that what is told is never off by more than twice the floor.
        """
        places = np.flatnonzero(self.sizes == self.numbers)[-_PAIRED:]
        sizes = self.sizes[places]
        for one, other in np.argwhere(np.triu(np.abs(sizes[:, None] + sizes - size) < floor, 1)).tolist():
            a, b = unpacked(self.blobs[places[one]]), unpacked(self.blobs[places[other]])
            if count_people((individuals ^ a ^ b) | (a & b)) < floor:
                return int(sizes[one] + sizes[other])
        for whole, part in np.argwhere(np.abs(sizes[:, None] - sizes - size) < floor).tolist():
            a, b = unpacked(self.blobs[places[whole]]), unpacked(self.blobs[places[part]])
            if count_people((individuals ^ a ^ b) | (individuals & b)) < floor:
                return int(sizes[whole] - sizes[part])
        return None
