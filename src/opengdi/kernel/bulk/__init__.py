"""Bulk work over ranges: the same code in this process, in processes of this machine, or on a Dask cluster.

    with open_pool(workers=0, dask_scheduler=None) as pool:
        for counts in pool.map_ordered(count_alleles, [Task("chr21", ...), Task("chr22", ...)]):
            ...

`ports` says what a pool promises; `serial`, `processes` and `dask` are the adapters.
"""

from __future__ import annotations

from opengdi.kernel.bulk.ports import BulkPool, Cancelled, Task, TaskFailed

__all__ = ["BulkPool", "Cancelled", "Task", "TaskFailed", "open_pool"]


def open_pool(*, workers: int = 0, dask_scheduler: str | None = None) -> BulkPool:
    """The pool that the settings ask for: Dask if a scheduler is named, else processes (0: one per core).

    Raises Unavailable if the scheduler does not answer.
    """
    if dask_scheduler:
        from opengdi.kernel.bulk.dask import DaskPool  # noqa: PLC0415  # a second to import, rarely used

        return DaskPool(dask_scheduler)
    from opengdi.kernel.bulk.processes import ProcessPool  # noqa: PLC0415

    return ProcessPool(workers)
