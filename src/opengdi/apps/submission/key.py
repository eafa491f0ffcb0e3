"""Is the key that a node tells the right one? Said by the caller, remembered from before, or asked of a person."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from opengdi.kernel.errors import Invalid
from opengdi.kernel.files import write_whole
from opengdi.standards.crypt4gh import PublicKey, parse_public_key
from opengdi.standards.faults import Malformed

KNOWN = "known-nodes.json"
Ask = Callable[[str], bool]


def trusted_key(node: str, told: PublicKey, pinned: str, folder: Path, ask: Ask) -> PublicKey:
    """The key that the node tells, if it is the pinned one, the one remembered, or somebody says yes.

    pinned: a fingerprint (Base64 of the key), the text of a key file or its path; empty: none.
    Raises Invalid if it is another one, or nobody can say.
    """
    if pinned:
        if _read(pinned) != told:
            raise Invalid(f"{node} tells the key {told}, which is not the pinned one; nothing is sent")
        return told
    known = _known(folder)
    if node in known:
        if known[node] != str(told):
            raise Invalid(
                f"{node} tells the key {told}, but had {known[node]} before; ask its operator, "
                f"then pin the right one by --key"
            )
        return told
    if not ask(f"{node} has the key {told}. Is that what its operator told you?"):
        raise Invalid("the node's key is not confirmed; pin it by --key; nothing is sent")
    write_whole(folder / KNOWN, msgspec.json.encode(known | {node: str(told)}))
    return told


def _read(pinned: str) -> PublicKey:
    file = Path(pinned)
    try:
        return parse_public_key(file.read_bytes() if len(pinned) < 4096 and file.is_file() else pinned)
    except Malformed as error:
        raise Invalid(f"--key: {error}") from error


def _known(folder: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode((folder / KNOWN).read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return {}
    except msgspec.DecodeError as error:
        raise Invalid(f"{folder / KNOWN} is damaged: {error}") from error
