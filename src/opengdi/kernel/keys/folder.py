"""`keys_dir`: where the keys of a node or hub lie."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from opengdi.kernel.errors import Invalid
from opengdi.kernel.files import write_once
from opengdi.kernel.keys.secrets import Secret
from opengdi.kernel.keys.signatures import Algorithm, SigningKey
from opengdi.standards.faults import Malformed

_SECRET_BYTES: Final = 32
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class KeyFolder:
    """`keys_dir`: `<name>.pem` for key pairs, `<name>.secret` for random secrets, made when first asked for.

    Keys in a format of their own are kept by whoever knows it, as files of any other name (`content`).
    Raises Invalid if the folder lies inside the data directory or others may enter it.
    """

    def __init__(self, folder: Path, *, data_dir: Path) -> None:
        self._folder = folder.resolve()
        if self._folder.is_relative_to(data_dir.resolve()):
            raise Invalid(f"keys_dir {folder} lies inside data_dir {data_dir}; keys and data must be apart")
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_if_shared(self._folder, "0700")

    def signing_key(self, name: str, algorithm: Algorithm = "ES256") -> SigningKey:
        """The key pair of that name. Raises Invalid if its file may be read by others or holds no such key."""
        pem = self.content(f"{name}.pem", lambda: SigningKey.generate(algorithm).as_pem())
        try:
            return SigningKey.from_pem(pem, algorithm)
        except Malformed as error:
            raise Invalid(f"{self._folder / name}.pem: {error}") from error

    def secret(self, name: str) -> Secret:
        """32 random bytes, the same each time. Raises Invalid if the file may be read by others or is short."""
        value = self.content(f"{name}.secret", lambda: os.urandom(_SECRET_BYTES))
        if len(value) < _SECRET_BYTES:
            raise Invalid(
                f"{self._folder / name}.secret holds {len(value)} bytes; {_SECRET_BYTES} are needed"
            )
        return Secret(value)

    def names(self) -> list[str]:
        """Names of the files in the folder, sorted."""
        return sorted(path.name for path in self._folder.iterdir() if not path.name.startswith("."))

    def remove(self, name: str) -> None:
        """Forget a key that is no longer used; nothing happens if it is not there."""
        (self._folder / name).unlink(missing_ok=True)

    def content(self, name: str, make: Callable[[], bytes]) -> bytes:
        """What the file of that name holds; `make` gives it if there is none. Raises Invalid if others may read it."""
        path = self._folder / name
        if not path.exists():
            write_once(path, make())  # of two processes that make the same key, both use the first one
        _refuse_if_shared(path, "0600")
        return path.read_bytes()


def _refuse_if_shared(path: Path, right: str) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & _OTHERS:
        raise Invalid(f"{path} has mode {mode:04o}, so others may reach the keys; set it to {right}")
