"""What workers carry out: a task of reading or merging that records its result as the last thing it does."""

from __future__ import annotations

import os

from opengdi.discovery.loading.frequency_table import run_table_task
from opengdi.discovery.loading.genotype_task import run_genotype_task
from opengdi.discovery.loading.journal import keep_outcome
from opengdi.discovery.loading.merge import MergeOutcome, MergeTask, merge_contig
from opengdi.discovery.loading.model import TaskOutcome
from opengdi.discovery.loading.reading import FileKind
from opengdi.discovery.loading.sites_task import run_sites_task
from opengdi.discovery.loading.tasks import ReadTask


def read_variants(task: ReadTask) -> TaskOutcome:
    """Read one span and record what came of it."""
    os.umask(0o077)
    if task.kind is FileKind.PARQUET:
        outcome = run_table_task(task)
    elif task.context.samples is not None:
        outcome = run_genotype_task(task)
    else:
        outcome = run_sites_task(task)
    keep_outcome(task.context.parts, task.prefix, outcome)
    return outcome


def merge_variants(task: MergeTask) -> MergeOutcome:
    """Merge one contig and record what came of it."""
    os.umask(0o077)
    outcome = merge_contig(task)
    keep_outcome(task.source, f"merged.{task.contig}", outcome)
    return outcome
