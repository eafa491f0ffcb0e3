"""`gdi crypt4gh encrypt`, `decrypt`, `reencrypt`, `slice`: from one file or pipe to another."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opengdi.apps.commands.crypt4gh.options import (
    ForceOption,
    KeyOption,
    PassphraseOption,
    RecipientOption,
    SourceArgument,
    TargetArgument,
    private_keys,
    public_keys,
)

if TYPE_CHECKING:
    from io import RawIOBase

    from opengdi.apps.commands.crypt4gh.streams import Input
    from opengdi.standards.crypt4gh import Header, PrivateKey, PublicKey

RangeOption = Annotated[
    str | None,
    typer.Option(
        "--range",
        metavar="FIRST-LAST",
        help="Only these bytes of the plaintext: counted from 0, LAST not included; `FIRST-` goes to the end.",
    ),
]
RangesOption = Annotated[
    list[str],
    typer.Option(
        "--range",
        metavar="FIRST-LAST",
        help="Bytes of the plaintext: counted from 0, LAST not included; `FIRST-` goes to the end; several allowed.",
    ),
]
SenderOption = Annotated[
    Path | None,
    typer.Option(
        "--sender", help="Your private key, so that the readers can tell who wrote it; else a new one."
    ),
]


def encrypt(
    source: SourceArgument,
    target: TargetArgument,
    recipient: RecipientOption,
    sender: SenderOption = None,
    passphrase_file: PassphraseOption = None,
    force: ForceOption = False,
) -> None:
    """Encrypt FILE so that only the owners of the --recipient keys can read it."""
    from opengdi.apps.commands.crypt4gh.progress import progress_on_stderr
    from opengdi.apps.commands.crypt4gh.streams import encrypt_stream, open_input, output, write_all
    from opengdi.kernel.clock import SystemClock
    from opengdi.standards.crypt4gh import DataKey, Header, SegmentCipher

    recipients, writer = public_keys(recipient), _writer(sender, passphrase_file)
    key = DataKey(os.urandom(32))
    raw = _sealed(Header((key,)), recipients, writer)
    with (
        open_input(source) as given,
        output(target, force=force) as made,
        progress_on_stderr(source, given.size, SystemClock()) as advance,
    ):
        write_all(made, memoryview(raw))
        encrypt_stream(given, made, SegmentCipher([key]), advance)


def decrypt(
    source: SourceArgument,
    target: TargetArgument,
    key: KeyOption,
    passphrase_file: PassphraseOption = None,
    part: RangeOption = None,
    force: ForceOption = False,
) -> None:
    """Decrypt FILE, or a part of it; every byte that is written was authenticated."""
    from opengdi.apps.commands.crypt4gh.streams import open_input, output
    from opengdi.standards.crypt4gh import open_header

    readers, wanted = private_keys(key, passphrase_file), _ranges([part] if part else ["0-"])[0]
    with open_input(source) as given:
        raw = given.header()
        header = open_header(raw, readers).header
        with output(target, force=force) as made:
            _decrypt_part(given, made, header, len(raw), wanted)


def reencrypt(
    source: SourceArgument,
    target: TargetArgument,
    key: KeyOption,
    recipient: RecipientOption,
    keep_others: Annotated[
        bool, typer.Option("--keep-others", help="Who else can read FILE can read TARGET too.")
    ] = False,
    sender: SenderOption = None,
    passphrase_file: PassphraseOption = None,
    force: ForceOption = False,
) -> None:
    """Give FILE to the owners of the --recipient keys: the header is written anew, the rest copied as it is."""
    from opengdi.apps.commands.crypt4gh.progress import progress_on_stderr
    from opengdi.apps.commands.crypt4gh.streams import copy_range, open_input, output, write_all
    from opengdi.kernel.clock import SystemClock
    from opengdi.standards.crypt4gh import plain_size, reencrypt_header

    readers, recipients = private_keys(key, passphrase_file), public_keys(recipient)
    writer = _writer(sender, passphrase_file)
    with open_input(source) as given:
        old = given.header()
        new = reencrypt_header(old, readers, recipients, writer, _nonce, keep_foreign=keep_others)
        if given.size is not None:
            plain_size(given.size - len(old), at=len(old))
        with (
            output(target, force=force) as made,
            progress_on_stderr(source, given.size, SystemClock()) as advance,
        ):
            write_all(made, memoryview(new))
            copy_range(given, made, len(old), given.size, advance)


def cut(
    source: SourceArgument,
    target: TargetArgument,
    key: KeyOption,
    part: RangesOption,
    recipient: Annotated[
        list[Path] | None,
        typer.Option("--recipient", help="Public key of a reader; several allowed; else those of --key."),
    ] = None,
    sender: SenderOption = None,
    passphrase_file: PassphraseOption = None,
    force: ForceOption = False,
) -> None:
    """Cut ranges out of FILE without decrypting it: whole segments are copied, an edit list trims them.

    Whoever reads TARGET could also read the rest of FILE, which has the same data keys, if they had it.
    """
    from opengdi.apps.commands.crypt4gh.progress import progress_on_stderr
    from opengdi.apps.commands.crypt4gh.streams import copy_range, open_input, output, write_all
    from opengdi.kernel.clock import SystemClock
    from opengdi.kernel.errors import Invalid
    from opengdi.standards.crypt4gh import Header, open_header, plain_size, plan_slice

    readers, wanted = private_keys(key, passphrase_file), _ranges(part)
    recipients = public_keys(recipient or []) or [reader.public for reader in readers]
    writer = _writer(sender, passphrase_file)
    with open_input(source) as given:
        if given.size is None:
            raise Invalid(f"{source}: a pipe cannot be sliced; name a file")
        old = given.header()
        header = open_header(old, readers).header
        plan = plan_slice(wanted, plain_size(given.size - len(old), at=len(old)), header.edit_list)
        raw = _sealed(Header(header.data_keys, plan.edit_list), recipients, writer)
        with (
            output(target, force=force) as made,
            progress_on_stderr(source, plan.body_bytes, SystemClock()) as advance,
        ):
            write_all(made, memoryview(raw))
            for start, stop in plan.byte_ranges(len(old)):
                copy_range(given, made, start, stop, advance)


def _decrypt_part(given: Input, made: RawIOBase, header: Header, at: int, wanted: tuple[int, int]) -> None:
    """The wanted range; of a file only the segments that hold it are read, of a pipe all are."""
    from opengdi.apps.commands.crypt4gh.progress import progress_on_stderr
    from opengdi.apps.commands.crypt4gh.streams import decrypt_ranges, decrypt_stream
    from opengdi.kernel.clock import SystemClock
    from opengdi.standards.crypt4gh import ENDLESS, EditList, SegmentCipher, compose, plain_size, plan_slice

    cipher = SegmentCipher(header.data_keys)
    if given.size is None:
        edits = compose(EditList.from_ranges([wanted], ENDLESS), header.edit_list or EditList())
        with progress_on_stderr(given.name, None, SystemClock()) as advance:
            decrypt_stream(given, made, cipher, advance, at=at, edits=edits if edits.lengths else None)
        return
    plan = plan_slice([wanted], plain_size(given.size - at, at=at), header.edit_list)
    with progress_on_stderr(given.name, plan.body_bytes, SystemClock()) as advance:
        ranges = plan.byte_ranges(at)
        decrypt_ranges(given, made, cipher, advance, ranges=ranges, edits=plan.edit_list)


def _ranges(given: list[str]) -> list[tuple[int, int]]:
    """Half-open ranges of bytes. Raises Invalid."""
    import re

    from opengdi.kernel.errors import Invalid
    from opengdi.standards.crypt4gh import ENDLESS

    ranges = []
    for text in given:
        match = re.fullmatch(r"(\d{1,18})-(\d{1,18})?", text)
        if match is None:
            raise Invalid(f"--range {text}: FIRST-LAST or FIRST- is expected, in bytes from 0")
        first, last = int(match[1]), int(match[2] or ENDLESS)
        if first >= last:
            raise Invalid(
                f"--range {text}: LAST must be larger than FIRST; it is the first byte that is left out"
            )
        ranges.append((first, last))
    return ranges


def _writer(sender: Path | None, passphrase_file: Path | None) -> PrivateKey:
    """The sender's key, or one that is forgotten afterwards."""
    from opengdi.standards.crypt4gh import PrivateKey

    return private_keys([sender], passphrase_file)[0] if sender else PrivateKey(os.urandom(32))


def _sealed(header: Header, recipients: list[PublicKey], writer: PrivateKey) -> bytes:
    from opengdi.standards.crypt4gh import seal_header

    return seal_header(header, recipients, writer, _nonce)


def _nonce() -> bytes:
    return os.urandom(12)
