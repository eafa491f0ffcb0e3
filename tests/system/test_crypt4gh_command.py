"""`gdi crypt4gh` as a process: through pipes, at a terminal, and killed in the middle."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import termios
import time

import pytest
from tests.crypt4gh_desk import GDI, PLAIN, Desk, desk
from tests.unit.standards.crypt4gh.kit import decrypted, some_bytes

from opengdi.standards.crypt4gh import SEGMENT, parse_private_key

__all__ = ["desk"]


@pytest.mark.parametrize("size", [0, SEGMENT + 1])
def test_pipes_carry_files_of_every_size(desk, size):
    plain = some_bytes(size)
    sealed = desk.process("encrypt", "-", "-", "--recipient", "bob.pub", given=plain).stdout
    assert decrypted(sealed, desk.keys["bob"]) == plain
    assert desk.process("decrypt", "-", "-", "--key", "bob.sec", given=sealed).stdout == plain
    again = desk.process(
        "reencrypt", "-", "-", "--key", "bob.sec", "--recipient", "carol.pub", given=sealed
    ).stdout
    assert decrypted(again, desk.keys["carol"]) == plain


def test_a_part_of_an_edited_file_comes_through_a_pipe(desk):
    desk.encrypted()
    desk.gdi("slice", "sealed", "cut", "--key", "bob.sec", "--range", "100-300000", "--range", "900000-")
    seen = PLAIN[100:300_000] + PLAIN[900_000:]
    for part, expected in ((["--range", "70000-400000"], seen[70_000:400_000]), ([], seen)):
        options = ["--key", "bob.sec", *part]
        assert desk.process("decrypt", "-", "-", *options, given=desk.read("cut")).stdout == expected
        assert desk.process("decrypt", "cut", "-", *options).stdout == expected
    told = desk.process("inspect", "-", "--key", "bob.sec", given=desk.read("cut")).stdout
    assert b"edit list: 100, 299900, 75712, 423065; " in told
    failed = desk.process(
        "slice", "-", "x", "--key", "bob.sec", "--range", "0-1", given=desk.read("cut"), expect=2
    )
    assert b"a pipe cannot be sliced" in failed.stderr


def test_a_process_ends_with_one_sentence(desk):
    desk.encrypted("alice")
    failed = desk.process("decrypt", "sealed", "x", "--key", "alice.sec", expect=2)
    assert failed.stderr.endswith(b"alice.sec: there is no terminal to ask at; name --passphrase-file\n")
    failed = desk.process("decrypt", "-", "x", "--key", "bob.sec", given=desk.read("sealed"), expect=2)
    assert failed.stderr.startswith(b"gdi: standard input: no private key of the 1 given")
    assert "x" not in desk.names()


def test_a_killed_command_leaves_no_target(desk):
    desk.encrypted()
    command = subprocess.Popen([*GDI, "decrypt", "-", "out", "--key", "bob.sec"], stdin=subprocess.PIPE)
    assert command.stdin is not None
    with command.stdin as pipe:
        pipe.write(desk.read("sealed")[: 15 * SEGMENT])
        pipe.flush()
        deadline = time.monotonic() + 30
        while not [name for name in desk.names() if name.startswith(".out.")]:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        command.send_signal(signal.SIGKILL)
        assert command.wait(30) == -signal.SIGKILL
    assert "out" not in desk.names()


def at_a_terminal(*arguments: str, answers: list[bytes]) -> tuple[int, bytes]:
    """Exit code and all that a terminal showed; each answer is typed when a colon asks for it."""
    ours, theirs = pty.openpty()

    def take_terminal() -> None:
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

    command = subprocess.Popen(
        [*GDI, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=take_terminal,  # noqa: PLW1509  the child does one system call before it becomes `gdi`
    )
    os.close(theirs)
    with os.fdopen(ours, "r+b", buffering=0) as terminal:
        shown = b""
        while piece := _read(terminal):
            shown += piece
            if shown.endswith(b": ") and answers:
                terminal.write(answers.pop(0) + b"\n")
    return command.wait(60), shown


def _read(terminal) -> bytes:
    """Nothing at the end, which Linux tells by an error."""
    try:
        return terminal.read(1024)
    except OSError:
        return b""


def test_a_passphrase_is_asked_for_twice_and_not_shown(desk: Desk):
    code, shown = at_a_terminal("keygen", "new", answers=[b"type this"] * 2)
    assert code == 0, shown
    assert b"Passphrase of the new key: " in shown
    assert b"type this" not in shown
    assert parse_private_key(desk.read("new.sec"), lambda: b"type this")
    code, shown = at_a_terminal("keygen", "other", answers=[b"type this", b"type that"])
    assert code == 2
    assert b"the two passphrases differ" in shown
    assert "other.sec" not in desk.names()


def test_a_terminal_shows_a_bar(desk: Desk):
    desk.encrypted("alice")
    code, shown = at_a_terminal("decrypt", "sealed", "out", "--key", "alice.sec", answers=[b"open it"])
    assert code == 0, shown
    assert desk.read("out") == PLAIN
    assert b"Passphrase of alice.sec: " in shown
    assert b"1.3/1.3 MiB" in shown
