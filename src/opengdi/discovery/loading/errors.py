"""How a load can fail, each a kind of `kernel.errors`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from opengdi.discovery.loading.model import REMARKS, Fault, Finding, LoadReport
from opengdi.kernel.errors import Conflict, Invalid

SHOWN: Final = 20
"""Findings of which a refusal tells at once."""


class LoadRejected(Invalid):
    """The input has faults and the policy is `reject`, or nothing is left of it; nothing was made visible."""

    def __init__(self, report: LoadReport, refusing: Sequence[Finding], section: str) -> None:
        """refusing: the first `SHOWN` findings for which it is refused. section: where `on_error` stands."""
        refused = sum(times for fault, times in report.tallies.items() if fault not in REMARKS)
        lines = [f"{report.dataset} version {report.version} was not loaded", *_lines(refusing, refused)]
        is_anything_right = report.individuals and Fault.NOTHING_KEPT not in report.tallies
        if report.policy == "reject" and is_anything_right:
            what = "this" if refused == 1 else "these"
            lines.append(
                f'  mend {what}, or leave out and report what is wrong: on_error = "skip" in [{section}]'
            )
        super().__init__("\n".join(lines))
        self.report = report


class AlreadyLoaded(Conflict):
    """The version is there with other content."""


def _lines(findings: Sequence[Finding], total: int) -> list[str]:
    shown = [f"  {finding}" for finding in findings]
    if total > len(shown):
        shown.append(f"  and {total - len(shown)} more: see the report (--report FILE)")
    return shown
