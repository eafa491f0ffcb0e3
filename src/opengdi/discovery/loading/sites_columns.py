"""Regular lines of a sites-only VCF as columns: a megabyte at a time instead of a line at a time.

Regular means: eight columns; one known contig; one ALT that is a sequence; every count key in every line, as a number
that can be; sorted. Lines with several or symbolic ALTs are read one by one and so are runs that are not regular:
whoever wants to know what is wrong with a line asks `sites_task`.
"""

from __future__ import annotations

from opengdi.discovery.loading.info_counts import CountLayout
from opengdi.discovery.loading.parts import PartWriter
from opengdi.discovery.loading.tasks import ReadTask, TaskLog


class RegularSites:
    """Takes whole runs."""

    def __init__(self, task: ReadTask, layout: CountLayout, log: TaskLog, writer: PartWriter) -> None:
        self._task, self._layout, self._log, self._writer = task, layout, log, writer

    def take(self, line: int, run: bytes) -> bool:
        """True if the run was regular and its alleles are kept; otherwise nothing has happened."""
        return False
