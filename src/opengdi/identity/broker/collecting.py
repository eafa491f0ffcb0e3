"""Collects a person's visas from all issuers at once; who does not answer in time is told as missing.

Spec: GA4GH AAI 1.2.1, "Broker": visas are passed on byte for byte. Each is checked before, which is our own rule.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from opengdi.identity.broker.ports import VisaSource
from opengdi.kernel.errors import GdiError, Unavailable
from opengdi.standards.faults import Malformed, Unverified
from opengdi.standards.passport.terms import MOST_VISAS

logger = logging.getLogger(__name__)

MISSING_CLAIM: Final = "gdi_missing_visa_issuers"
"""Claim of our own in passports and UserInfo: ids of issuers that did not answer, or sent what does not hold."""


@dataclass(frozen=True, slots=True)
class Collected:
    """Visas as they were signed, in the order of the sources; missing: ids of the sources that fell out.

    opens_data: True if some of them come from an issuer other than the hub itself.
    """

    visas: tuple[str, ...]
    missing: tuple[str, ...]
    opens_data: bool = False


@dataclass(frozen=True, slots=True)
class Collector:
    """timeout_s: how long each issuer may take; all are asked at the same time."""

    sources: Sequence[VisaSource]
    timeout_s: float

    async def collect(self, subject: str, resources: Collection[str]) -> Collected:
        """Visas of a person; of the issuers at `resources` only, unless it is empty. The hub's own are always there."""
        wanted = {"", *resources}
        return await self._from(
            [each for each in self.sources if not resources or each.resource in wanted], subject
        )

    async def own(self, subject: str) -> Collected:
        """What the hub itself says of a person."""
        return await self._from([each for each in self.sources if not each.resource], subject)

    async def _from(self, asked: Sequence[VisaSource], subject: str) -> Collected:
        answers = await asyncio.gather(*(self._ask(source, subject) for source in asked))
        visas = dict.fromkeys(visa for answer in answers if answer is not None for visa in answer)
        missing = [source.id for source, answer in zip(asked, answers, strict=True) if answer is None]
        opens_data = any(answer for source, answer in zip(asked, answers, strict=True) if source.resource)
        return Collected(tuple(visas), tuple(missing), opens_data)

    async def _ask(self, source: VisaSource, subject: str) -> list[str] | None:
        """The visas that hold; None if the issuer fell out."""
        try:
            async with asyncio.timeout(self.timeout_s):
                visas = await source.visas(subject)
                if len(visas) > MOST_VISAS:
                    raise Unavailable(f"it sent {len(visas)} visas; {MOST_VISAS} are taken")
                return [visa for visa in visas if await _holds(source, visa, subject)]
        except TimeoutError:
            logger.warning("visa issuer %s did not answer within %g s", source.id, self.timeout_s)
        except GdiError as error:
            logger.warning("visa issuer %s fell out: %s", source.id, error)
        return None


async def _holds(source: VisaSource, visa: str, subject: str) -> bool:
    try:
        await source.check(visa, subject)
    except (Unverified, Malformed) as error:
        logger.warning("visa issuer %s sent a visa that does not hold: %s", source.id, error)
        return False
    return True
