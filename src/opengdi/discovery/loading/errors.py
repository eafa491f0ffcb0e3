"""How a load can fail, each a kind of `kernel.errors`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from opengdi.discovery.loading.model import REMARKS, Finding, LoadReport
from opengdi.kernel.errors import Conflict, Invalid

_SHOWN: Final = 20


class LoadRejected(Invalid):
    """The input has faults and the policy is `reject`; nothing was made visible. `report` lists the first of them."""

    def __init__(self, report: LoadReport) -> None:
        refusing = [finding for finding in report.findings if finding.refuses]
        refused = sum(times for fault, times in report.tallies.items() if fault not in REMARKS)
        super().__init__(
            f"{report.dataset} version {report.version} was not loaded\n{_lines(refusing, refused)}"
        )
        self.report = report


class AlreadyLoaded(Conflict):
    """The version is there with other content."""


def _lines(findings: Sequence[Finding], total: int) -> str:
    shown = [f"  {finding}" for finding in findings[:_SHOWN]]
    if total > len(shown):
        shown.append(f"  and {total - len(shown)} more: see the report (--report FILE)")
    return "\n".join(shown)
