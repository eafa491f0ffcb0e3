"""A desk with files and keys of three people, to try `gdi crypt4gh` at: in this process, or as a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.standards.crypt4gh.kit import some_bytes
from typer.testing import CliRunner

from opengdi.apps.commands.crypt4gh import app
from opengdi.apps.exits import exit_code, sentence
from opengdi.standards.crypt4gh import SEGMENT, PrivateKey, private_key_text, public_key_text

GDI = [sys.executable, "-c", "from opengdi.apps.cli import main; main()", "crypt4gh"]
SIZE = 20 * SEGMENT + 12345
PLAIN = some_bytes(SIZE)


class Desk:
    """A folder with a plain file and the keys of three people; Alice's has the passphrase `open it`."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        monkeypatch.chdir(folder)
        self.keys = {name: PrivateKey(some_bytes(32, name)) for name in ("alice", "bob", "carol")}
        for name, key in self.keys.items():
            passphrase = b"open it" if name == "alice" else None
            text = private_key_text(key, passphrase=passphrase, random=some_bytes(28))
            (folder / f"{name}.sec").write_text(text)
            (folder / f"{name}.pub").write_text(public_key_text(key.public))
        (folder / "word").write_text("open it\r\nsecond line\n")
        (folder / "plain").write_bytes(PLAIN)

    def gdi(self, *arguments: str) -> str:
        """What the command prints; no secret may show. Raises what ended it."""
        done = CliRunner().invoke(app, arguments)
        self.hides_secrets(done.output.encode())
        if done.exception is not None:
            raise done.exception
        return done.stdout

    def fails(self, *arguments: str) -> tuple[int, str]:
        """Exit code and the sentence it ends with; nothing may be left behind."""
        before = self.names()
        with pytest.raises(Exception) as raised:
            self.gdi(*arguments)
        assert self.names() == before
        said = sentence(raised.value)
        self.hides_secrets(said.encode())
        return exit_code(raised.value), said

    def process(
        self, *arguments: str, given: bytes = b"", expect: int = 0
    ) -> subprocess.CompletedProcess[bytes]:
        """The same as a process, without a terminal."""
        done = subprocess.run(
            [*GDI, *arguments],
            input=given,
            capture_output=True,
            timeout=60,
            check=False,
            start_new_session=True,
        )
        assert done.returncode == expect, done.stderr.decode()
        self.hides_secrets(done.stderr)
        return done

    def hides_secrets(self, said: bytes) -> None:
        assert b"Traceback" not in said
        for key in self.keys.values():
            assert key.reveal().hex().encode() not in said
        assert b"open it" not in said

    def encrypted(self, *names: str) -> Path:
        recipients = [word for name in names or ("bob",) for word in ("--recipient", f"{name}.pub")]
        self.gdi("encrypt", "plain", "sealed", *recipients)
        return self.folder / "sealed"

    def names(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(tmp_path, monkeypatch)
