"""The journal on disk: one writer a chain, crashes recovered and told, signatures at every turn."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from opengdi.kernel.audit.chain import Outcome
from opengdi.kernel.audit.journal import AuditJournal, Cadence, open_journal
from opengdi.kernel.audit.segments import Follower, events_of, segments_of, verify_writer
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.errors import Conflict, Unavailable
from opengdi.kernel.keys import SigningKey

KEY = SigningKey.generate()


def opened(folder: Path, **cadence: float) -> AuditJournal:
    return open_journal(folder, "node", key=KEY, clock=FixedClock(), cadence=Cadence(**cadence))  # type: ignore[arg-type]


def actions(folder: Path) -> list[str]:
    return [event.action for event in events_of(folder)]


def test_events_are_kept_in_order_with_all_they_say(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        journal.append(
            "dataset.publish",
            actor="token:steward",
            outcome=Outcome.REFUSED,
            objects=["dataset:D1", "version:2"],
            request="r-1",
            details=["d" * 32],
        )
    event = list(events_of(tmp_path / "node-1"))[1]
    assert (event.actor, event.outcome, event.objects) == (
        "token:steward",
        "refused",
        ("dataset:D1", "version:2"),
    )
    assert (event.request, event.details, event.time) == ("r-1", ("d" * 32,), "2026-01-01T00:00:00+00:00")
    assert verify_writer(tmp_path / "node-1", [KEY.public]).holds


def test_a_closed_chain_is_covered_to_its_end(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        journal.append("a", actor="x")
    report = verify_writer(tmp_path / "node-1", [KEY.public])
    assert report.events == report.covered == 3


def test_a_reopened_chain_goes_on_where_it_ended(tmp_path: Path) -> None:
    opened(tmp_path).close()
    with opened(tmp_path) as journal:
        assert journal.append("a", actor="x") == 7
    assert verify_writer(tmp_path / "node-1", [KEY.public]).holds
    assert actions(tmp_path / "node-1") == [
        "audit.opened",
        "audit.closed",
        "audit.opened",
        "a",
        "audit.closed",
    ]


def test_two_processes_write_two_chains(tmp_path: Path) -> None:
    with opened(tmp_path) as first, opened(tmp_path) as second:
        assert (first.writer, second.writer) == ("node-1", "node-2")
    with opened(tmp_path) as again:
        assert again.writer == "node-1"


def test_segments_follow_one_another_in_one_chain(tmp_path: Path) -> None:
    with opened(tmp_path, segment_bytes=2000, sync_s=0.001) as journal:
        for _ in range(200):
            journal.append("a", actor="x")
        while len(segments_of(tmp_path / "node-1")) < 2:
            journal._wake.set()  # the background thread turns the page at its next round
    assert len(segments_of(tmp_path / "node-1")) >= 2
    report = verify_writer(tmp_path / "node-1", [KEY.public])
    assert (report.holds, report.events, report.covered) == (True, 202, 202)


def test_a_follower_goes_on_into_the_next_segment(tmp_path: Path) -> None:
    with opened(tmp_path, segment_bytes=2000, sync_s=0.001) as journal:
        follower = Follower(tmp_path / "node-1")
        told = []
        for number in range(100):
            journal.append(f"a.{number}", actor="x")
            told += follower.new_events()
        while len(segments_of(tmp_path / "node-1")) < 2:
            journal._wake.set()
        journal.append("last", actor="x")
        told += follower.new_events()
    assert [event.action for event in told] == [*(f"a.{number}" for number in range(100)), "last"]


def test_many_threads_append_without_a_gap(tmp_path: Path) -> None:
    with opened(tmp_path, checkpoint_events=50, sync_s=0.001) as journal:
        threads = [threading.Thread(target=_append_many, args=(journal, number)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    report = verify_writer(tmp_path / "node-1", [KEY.public])
    assert (report.holds, report.events) == (True, 802)


def _append_many(journal: AuditJournal, number: int) -> None:
    for turn in range(200):
        journal.append("a", actor=f"thread:{number}", objects=(f"turn:{turn}",))


def test_a_line_torn_by_a_crash_is_set_aside_and_told(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        journal.append("a", actor="x")
    segment = segments_of(tmp_path / "node-1")[0]
    with segment.open("ab") as file:
        file.write(b'{"hash":"00')
    with opened(tmp_path):
        pass
    assert (tmp_path / "node-1" / "torn-000000000006.bin").read_bytes() == b'{"hash":"00'
    recovered = next(event for event in events_of(tmp_path / "node-1") if event.action == "audit.recovered")
    assert recovered.objects[:2] == ("file:torn-000000000006.bin", "bytes:11")
    report = verify_writer(tmp_path / "node-1", [KEY.public])
    assert (report.holds, report.recoveries) == (True, 1)


def test_zeros_left_by_a_power_cut_are_set_aside(tmp_path: Path) -> None:
    opened(tmp_path).close()
    segment = segments_of(tmp_path / "node-1")[0]
    with segment.open("ab") as file:
        file.write(b"\0" * 4096)
    opened(tmp_path).close()
    assert verify_writer(tmp_path / "node-1", [KEY.public]).recoveries == 1


def test_damage_before_a_signature_is_no_crash_and_stops_the_writer(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        journal.append("dataset.withdraw", actor="x")
    segment = segments_of(tmp_path / "node-1")[0]
    segment.write_bytes(segment.read_bytes().replace(b"withdraw", b"withdrew"))
    with pytest.raises(Conflict, match=r"damaged at .*000000000001\.jsonl:3, before the signed link"):
        opened(tmp_path)
    assert b"withdrew" in segment.read_bytes()


def test_a_missing_tail_is_found_by_the_checkpoint_beside_it(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        journal.append("a", actor="x")
    segment = segments_of(tmp_path / "node-1")[0]
    segment.write_bytes(b"".join(segment.read_bytes().splitlines(keepends=True)[:3]))
    report = verify_writer(tmp_path / "node-1", [KEY.public])
    assert [fault.wrong for fault in report.faults] == ["truncated"]


def test_a_missing_segment_is_found(tmp_path: Path) -> None:
    test_segments_follow_one_another_in_one_chain(tmp_path)
    segments_of(tmp_path / "node-1")[0].unlink()
    report = verify_writer(tmp_path / "node-1", [KEY.public])
    assert report.faults[0].wrong == "removed"
    assert report.faults[0].line == 1


def test_files_are_readable_by_the_owner_only(tmp_path: Path) -> None:
    opened(tmp_path).close()
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "node-1").iterdir()} == {0o600}
    assert stat.S_IMODE((tmp_path / "node-1").stat().st_mode) == 0o700


def test_a_closed_journal_refuses_instead_of_forgetting(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.close()
    journal.close()
    with pytest.raises(Unavailable, match="cannot be written"):
        journal.append("a", actor="x")


def test_a_full_disk_refuses_and_leaves_whole_lines(tmp_path: Path) -> None:
    script = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from opengdi.kernel.audit.journal import open_journal\n"
        "from opengdi.kernel.clock import SystemClock\n"
        "from opengdi.kernel.errors import Unavailable\n"
        "from opengdi.kernel.keys import SigningKey\n"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
        "journal = open_journal(Path(sys.argv[1]), 'node', key=SigningKey.generate(), clock=SystemClock())\n"
        "try:\n"
        "    while True:\n"
        "        journal.append('a', actor='x')\n"
        "except Unavailable as error:\n"
        "    print(error, flush=True)\n"
        "import os; os._exit(0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert "disk is full" in done.stdout
    report = verify_writer(tmp_path / "node-1")
    assert report.holds
    assert report.events > 5


def test_what_was_appended_survives_kill_9(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from opengdi.kernel.audit.journal import open_journal\n"
        "from opengdi.kernel.clock import SystemClock\n"
        "from opengdi.kernel.keys import SigningKey\n"
        "key = SigningKey.from_pem(sys.stdin.buffer.read())\n"
        "journal = open_journal(Path(sys.argv[1]), 'node', key=key, clock=SystemClock())\n"
        "while True:\n"
        "    print(journal.append('a', actor='x'), flush=True)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(KEY.as_pem())
    child.stdin.close()
    told = [child.stdout.readline() for _ in range(300)]
    os.kill(child.pid, signal.SIGKILL)
    told += child.stdout.readlines()
    child.wait()
    child.stdout.close()
    last = max(int(line) for line in told if line.endswith(b"\n"))
    opened(tmp_path).close()
    report = verify_writer(tmp_path / "node-1", [KEY.public])
    assert report.holds
    assert report.last_seq >= last
