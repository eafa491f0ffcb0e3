"""A process that serves htsget over files in memory.

`python -m tests.system.htsget_server WHO NAME FORMAT FILE INDEX …` prints its address. WHO: `everybody` may have the
files whole; or the `known`, that is the callers of the kit, what the kit says.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.htsget_kit import DATASET, Delivering
from tests.indexed_files import IndexedFile

from opengdi.kernel.clock import SystemClock
from opengdi.kernel.http.server import Address, Listener, serve


@contextmanager
def htsget_server(files: Mapping[str, IndexedFile], who: str = "everybody") -> Iterator[str]:
    """Address of the process, below which htsget answers, while the block lasts."""
    told = [str(word) for name, f in files.items() for word in (name, f.format, f.path, f.index_path)]
    command = [sys.executable, "-m", "tests.system.htsget_server", who, *told]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            address = process.stdout.readline().strip()
            assert address, "the server did not start"
            yield f"{address}/htsget"
        finally:
            process.kill()


def main(words: list[str]) -> None:
    """Serve until killed."""
    who, *files = words
    node = Delivering(open_datasets=(DATASET,) if who == "everybody" else (), clock=SystemClock())
    for at in range(0, len(files), 4):
        name, file_format, file, index = files[at : at + 4]
        node.files.hold(
            name, Path(file).read_bytes(), file_format=file_format, index=Path(index).read_bytes()
        )
    anywhere = Address("127.0.0.1", 0)
    serve(
        Listener(node.app, anywhere),
        Listener(node.app, anywhere),
        announce=lambda public, _: print(public.url, flush=True),
    )


if __name__ == "__main__":
    main(sys.argv[1:])
