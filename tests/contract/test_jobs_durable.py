"""What durable jobs promise, on SQLite and on PostgreSQL."""

from __future__ import annotations

import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from opengdi.kernel.errors import Conflict, Invalid, NotFound
from opengdi.kernel.jobs import JobState, JobStatus, Json, Steps
from opengdi.kernel.jobs.durable import DurableJobs

HERE = Path(__file__).parent


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "jobs.sqlite")
    return str(request.getfixturevalue("postgres_url"))


class Moody:
    """A step that fails until told otherwise, and a count of who was called."""

    def __init__(self) -> None:
        self.called: list[str] = []
        self.failures_left = 0

    def steady(self, number: Json) -> Json:
        self.called.append("steady")
        assert isinstance(number, int)
        return number + 1

    def moody(self, number: Json) -> Json:
        self.called.append("moody")
        if self.failures_left:
            self.failures_left -= 1
            raise RuntimeError("not in the mood")
        return number

    def job(self, steps: Steps, argument: Json) -> Json:
        return steps.run("moody", self.moody, steps.run("steady", self.steady, argument))


@pytest.fixture
def moody() -> Moody:
    return Moody()


@pytest.fixture
def jobs(database: str, moody: Moody) -> Iterator[DurableJobs]:
    with DurableJobs(database, executor="test") as jobs:
        jobs.register("moody", moody.job)
        jobs.register(
            "patient", lambda steps, argument: steps.run("moody", moody.moody, argument, attempts=3)
        )
        jobs.start()
        yield jobs


def ended(jobs: DurableJobs, job: str) -> JobStatus:
    deadline = time.monotonic() + 20
    while (status := jobs.status(job)).state in {JobState.WAITING, JobState.RUNNING}:
        assert time.monotonic() < deadline, status
        time.sleep(0.02)
    return status


def test_a_job_gives_its_result_and_remembers_its_argument(jobs: DurableJobs) -> None:
    status = ended(jobs, jobs.submit("moody", 41, key="a"))
    assert (status.name, status.state, status.argument, status.result) == ("moody", JobState.DONE, 41, 42)
    assert abs(status.submitted - datetime.now(UTC)) < timedelta(minutes=1)


def test_the_same_key_is_the_same_job(jobs: DurableJobs, moody: Moody) -> None:
    job = jobs.submit("moody", 1, key="a")
    ended(jobs, job)
    assert jobs.submit("moody", 99, key="a") == job
    assert ended(jobs, job).result == 2
    assert moody.called == ["steady", "moody"]
    assert jobs.submit("moody", 1, key="b") != job


def test_a_dead_job_is_taken_up_at_the_step_that_failed(jobs: DurableJobs, moody: Moody) -> None:
    moody.failures_left = 1
    job = jobs.submit("moody", 1, key="a")
    dead = ended(jobs, job)
    assert (dead.state, dead.error) == (JobState.DEAD, "not in the mood")
    jobs.retry(job)
    assert ended(jobs, job).result == 2
    assert moody.called == ["steady", "moody", "moody"]


def test_a_step_is_tried_as_often_as_it_may(jobs: DurableJobs, moody: Moody) -> None:
    moody.failures_left = 2
    assert ended(jobs, jobs.submit("patient", 5, key="a")).result == 5
    assert moody.called == ["moody"] * 3


def test_only_a_dead_job_can_be_retried(jobs: DurableJobs) -> None:
    job = jobs.submit("moody", 1, key="a")
    ended(jobs, job)
    with pytest.raises(Conflict, match="is done; only a dead one"):
        jobs.retry(job)


def test_jobs_are_listed_by_name_and_state(jobs: DurableJobs, moody: Moody) -> None:
    done = jobs.submit("patient", 1, key="a")
    ended(jobs, done)
    moody.failures_left = 1
    dead = jobs.submit("moody", 1, key="a")
    ended(jobs, dead)
    assert [status.id for status in jobs.list()] == [done, dead]
    assert [status.id for status in jobs.list(state=JobState.DEAD)] == [dead]
    assert [status.id for status in jobs.list(name="patient")] == [done]
    assert jobs.list(name="patient", state=JobState.DEAD) == []


def test_an_unknown_job_is_named(jobs: DurableJobs) -> None:
    with pytest.raises(NotFound, match="'nobody' is registered; there are moody, patient"):
        jobs.submit("nobody", 1, key="a")
    for ask in (jobs.status, jobs.retry):
        with pytest.raises(NotFound, match="'nobody:1'"):
            ask("nobody:1")


def test_what_is_done_is_forgotten_after_a_while_and_what_is_dead_is_not(
    jobs: DurableJobs, moody: Moody
) -> None:
    done, moody.failures_left = jobs.submit("moody", 1, key="done"), 0
    ended(jobs, done)
    moody.failures_left = 1
    dead = jobs.submit("moody", 1, key="dead")
    ended(jobs, dead)
    now = datetime.now(UTC)
    assert jobs.forget(now - timedelta(hours=1)) == 0
    assert jobs.forget(now + timedelta(seconds=1)) == 1
    assert [status.id for status in jobs.list()] == [dead]
    assert ended(jobs, jobs.submit("moody", 5, key="done")).result == 6


@pytest.mark.parametrize("stop_after", ["first", "second", "third"])
def test_a_job_killed_between_steps_is_finished_by_the_next_process_each_step_once(
    database: str, tmp_path: Path, stop_after: str
) -> None:
    ledger = tmp_path / "ledger"
    command = [sys.executable, str(HERE / "durable_jobs.py"), database, str(ledger)]
    first = subprocess.Popen([*command, stop_after], stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    assert first.stdout.readline() == "waiting\n"
    first.kill()
    first.wait()
    first.stdout.close()
    second = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert second.stdout == "{'sample': 7}\n", second.stderr
    assert ledger.read_text().split() == ["first", "second", "third"]


def test_the_file_of_jobs_is_readable_by_the_owner_only(tmp_path: Path) -> None:
    with DurableJobs(tmp_path / "jobs.sqlite", executor="test") as jobs:
        jobs.start()
    assert stat.S_IMODE((tmp_path / "jobs.sqlite").stat().st_mode) == 0o600


def test_a_database_in_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="does not exist"):
        DurableJobs(tmp_path / "nowhere" / "jobs.sqlite", executor="test")
