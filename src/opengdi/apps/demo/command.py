"""Commands of the walk: what somebody would type, run in this process, for a new one takes a second to start."""

from __future__ import annotations

from contextlib import redirect_stderr, redirect_stdout
from io import StringIO

from opengdi.apps.cli import run
from opengdi.kernel.errors import Unavailable


def gdi(*arguments: str) -> str:
    """What `gdi ARGUMENTS` printed. Raises Unavailable with its last words if it failed."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run(arguments)
    if code != 0:
        said = (err.getvalue() or out.getvalue()).strip()
        raise Unavailable(f"`gdi {' '.join(arguments)}` ended with {code}: {said}")
    return out.getvalue()
