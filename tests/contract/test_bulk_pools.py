"""What every bulk pool promises, held against all three: this process, processes, a real Dask cluster."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from distributed import Client
from tests.contract import bulk_tasks

from opengdi.kernel.bulk import BulkPool, Cancelled, Task, TaskFailed, open_pool
from opengdi.kernel.bulk.processes import ProcessPool
from opengdi.kernel.bulk.serial import SerialPool
from opengdi.kernel.errors import Invalid, Unavailable

ROOT = Path(__file__).resolve().parents[2]
SOURCES = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])


@pytest.fixture(scope="module")
def dask_scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A scheduler process and two worker processes on loopback, ended by their ids."""
    folder = tmp_path_factory.mktemp("dask")
    with ExitStack() as running:
        contact = folder / "scheduler.json"
        _start_dask(running, folder, "scheduler", "--host=127.0.0.1", "--port=0", "--no-dashboard")
        _wait_for(contact.exists)
        for number in (1, 2):
            _start_dask(
                running, folder, "worker", f"--name=w{number}", "--nthreads=1", "--no-nanny", "--no-dashboard"
            )
        with Client(_address(contact), timeout=60, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
        yield _address(contact)


def _start_dask(running: ExitStack, folder: Path, role: str, *options: str) -> None:
    command = [
        sys.executable,
        "-m",
        "distributed.cli.dask_" + role,
        f"--scheduler-file={folder}/scheduler.json",
    ]
    environment = os.environ | {"PYTHONPATH": SOURCES, "DASK_TEMPORARY_DIRECTORY": str(folder)}
    with (folder / f"{role}.log").open("ab") as log:
        process = subprocess.Popen([*command, *options], env=environment, stdout=log, stderr=log)

    def stop() -> None:
        process.kill()  # nothing of a scheduler or a worker needs to be kept
        process.wait()

    running.callback(stop)


def _address(contact: Path) -> str:
    import json

    return str(json.loads(contact.read_text())["address"])


def _wait_for(condition, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.fixture(params=["serial", "processes", "dask"])
def pool(request: pytest.FixtureRequest) -> Iterator[BulkPool]:
    if request.param == "serial":
        made: BulkPool = SerialPool()
    elif request.param == "processes":
        made = open_pool(workers=2)
    else:
        made = open_pool(dask_scheduler=request.getfixturevalue("dask_scheduler"))
    with made:
        yield made


def tasks(*arguments):
    return [Task(f"task-{number}", argument) for number, argument in enumerate(arguments)]


def test_results_come_in_the_order_of_the_tasks_however_long_each_takes(pool: BulkPool) -> None:
    slow_first = tasks((1, 0.2), (2, 0.0), (3, 0.1), (4, 0.0), (5, 0.0))
    assert list(pool.map_ordered(bulk_tasks.square_after, slow_first)) == [1, 4, 9, 16, 25]


def test_no_tasks_give_no_results(pool: BulkPool) -> None:
    assert list(pool.map_ordered(bulk_tasks.square, [])) == []


def test_a_pool_is_used_more_than_once(pool: BulkPool) -> None:
    assert list(pool.map_ordered(bulk_tasks.square, tasks(2))) == [4]
    assert list(pool.map_ordered(bulk_tasks.square, tasks(3))) == [9]


def test_tasks_are_drawn_no_faster_than_results_are_taken(pool: BulkPool) -> None:
    drawn = []

    def endless() -> Iterator[Task[int]]:
        for number in range(1000):
            drawn.append(number)
            yield Task(str(number), number)

    results = pool.map_ordered(bulk_tasks.square, endless())
    for _ in range(5):
        next(results)
    assert len(drawn) <= 5 + 2 * pool.workers
    results.close()


def test_every_finished_task_is_told_by_name_once(pool: BulkPool) -> None:
    told: list[str] = []
    list(pool.map_ordered(bulk_tasks.square, tasks(*range(9)), on_finished=told.append))
    assert sorted(told) == [f"task-{number}" for number in range(9)]


def test_a_refusal_arrives_as_itself_and_names_its_task(pool: BulkPool) -> None:
    results = pool.map_ordered(bulk_tasks.refuse_odd, tasks(2, 4, 7, 8))
    assert [next(results), next(results)] == [2, 4]
    with pytest.raises(Invalid, match=r"sites\.vcf:7") as caught:
        next(results)
    assert caught.value.__notes__ == ["in task task-2"]
    assert caught.value.public == "odd"


def test_an_unforeseen_error_names_its_task_and_keeps_the_worker_traceback(pool: BulkPool) -> None:
    with pytest.raises(TaskFailed, match="task-1: ZeroDivisionError") as caught:
        list(pool.map_ordered(bulk_tasks.divide_ten_by, tasks(1, 0)))
    assert caught.value.task == "task-1"
    assert "divide_ten_by" in caught.value.worker_traceback


def test_an_exception_that_cannot_be_unpickled_does_not_break_the_pool(pool: BulkPool) -> None:
    with pytest.raises(TaskFailed, match="task-0: AwkwardError: one and two"):
        list(pool.map_ordered(bulk_tasks.raise_awkwardly, tasks(1)))
    assert list(pool.map_ordered(bulk_tasks.square, tasks(3))) == [9]


def test_a_closed_pool_says_so(pool: BulkPool) -> None:
    pool.close()
    pool.close()
    with pytest.raises(Cancelled):
        list(pool.map_ordered(bulk_tasks.square, tasks(3)))


@pytest.mark.parametrize("pool", ["processes", "dask"], indirect=True)
def test_closing_from_another_thread_ends_the_wait(pool: BulkPool) -> None:
    threading.Timer(0.5, pool.close).start()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        list(pool.map_ordered(bulk_tasks.square_after, tasks((1, 3.0), (2, 3.0))))
    assert time.monotonic() - began < 2.5


@pytest.mark.parametrize("pool", ["processes", "dask"], indirect=True)
def test_work_is_spread_over_two_processes_that_are_not_ours(pool: BulkPool) -> None:
    ids = set(pool.map_ordered(bulk_tasks.process_id_after, tasks(*[0.05] * 20)))
    assert len(ids) == 2
    assert os.getpid() not in ids


def test_a_result_that_cannot_be_sent_back_is_a_failed_task() -> None:
    with ProcessPool(1) as pool:
        with pytest.raises(TaskFailed, match="task-0"):
            list(pool.map_ordered(bulk_tasks.return_a_function, tasks(1)))
        assert list(pool.map_ordered(bulk_tasks.square, tasks(3))) == [9]


def test_a_killed_worker_is_reported_not_waited_for() -> None:
    with ProcessPool(1) as pool, pytest.raises(TaskFailed, match="task-0: a worker process died"):
        list(pool.map_ordered(bulk_tasks.die, tasks(1)))


def test_workers_die_with_a_killed_parent(tmp_path: Path) -> None:
    script = (
        "from opengdi.kernel.bulk import Task, open_pool\n"
        "from tests.contract.bulk_tasks import leave_a_mark_and_sleep\n"
        "if __name__ == '__main__':\n"
        f"    work = [Task('a', {str(tmp_path)!r}), Task('b', {str(tmp_path)!r})]\n"
        "    list(open_pool(workers=2).map_ordered(leave_a_mark_and_sleep, work))\n"
    )
    (tmp_path.parent / "parent.py").write_text(script)
    parent = subprocess.Popen(
        [sys.executable, str(tmp_path.parent / "parent.py")], env=os.environ | {"PYTHONPATH": SOURCES}
    )
    _wait_for(lambda: len(list(tmp_path.iterdir())) == 2)
    workers = [int(path.name) for path in tmp_path.iterdir()]
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    _wait_for(lambda: not any(_is_running(worker) for worker in workers), seconds=5)


def _is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opengdi.kernel.bulk.dask.CONNECT_TIMEOUT_S", 0.3)
    with pytest.raises(Unavailable, match=re.escape("tcp://127.0.0.1:9:")):
        open_pool(dask_scheduler="tcp://127.0.0.1:9")
