"""Health by subsystem: each says whether it works, and whether the process is of any use without it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from opengdi.kernel.errors import GdiError

logger = logging.getLogger(__name__)

PROBE_LIMIT_S: Final = 2.0


class Condition(StrEnum):
    """How a subsystem, or the process as a whole, is doing."""

    OK = "ok"
    DEGRADED = "degraded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a probe found; `detail` is for the operator and holds no secret."""

    condition: Condition = Condition.OK
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """A subsystem and how to look at it. `look` may block; it fails by raising. needed: no use without it."""

    name: str
    look: Callable[[], Finding]
    needed: bool = True


@dataclass(frozen=True, slots=True)
class HealthReport:
    """All findings by subsystem, and what follows for the process."""

    condition: Condition
    findings: dict[str, Finding]


class HealthBoard:
    """The probes of a process, looked at together."""

    def __init__(self, probes: tuple[Probe, ...] = (), limit_s: float = PROBE_LIMIT_S) -> None:
        self._probes = probes
        self._limit_s = limit_s

    async def report(self) -> HealthReport:
        """Look at every subsystem at once, each in a thread and within the limit."""
        found = await asyncio.gather(*(self._look(probe) for probe in self._probes))
        findings = {probe.name: finding for probe, finding in zip(self._probes, found, strict=True)}
        return HealthReport(self._overall(findings), findings)

    async def _look(self, probe: Probe) -> Finding:
        try:
            return await asyncio.wait_for(asyncio.to_thread(probe.look), self._limit_s)
        except TimeoutError:
            return Finding(Condition.FAILED, f"no answer within {self._limit_s:g} s")
        except GdiError as error:
            return Finding(Condition.FAILED, str(error))
        except Exception as error:  # noqa: BLE001  whatever it is, the subsystem does not work
            logger.warning("probe of %s: %s", probe.name, type(error).__name__)
            return Finding(Condition.FAILED, type(error).__name__)

    def _overall(self, findings: dict[str, Finding]) -> Condition:
        if any(findings[probe.name].condition is Condition.FAILED for probe in self._probes if probe.needed):
            return Condition.FAILED
        if any(finding.condition is not Condition.OK for finding in findings.values()):
            return Condition.DEGRADED
        return Condition.OK
