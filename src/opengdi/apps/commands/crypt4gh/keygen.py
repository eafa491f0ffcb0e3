"""`gdi crypt4gh keygen`: a new key pair in two files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from opengdi.apps.commands.crypt4gh.options import ask, first_line


def keygen(
    name: Annotated[Path, typer.Argument(help="The keys go to NAME.sec (mode 0600) and NAME.pub.")],
    passphrase_file: Annotated[
        Path | None, typer.Option(help="File whose first line is to protect the key; else it is asked for.")
    ] = None,
    unprotected: Annotated[
        bool, typer.Option("--unprotected", help="Write the key without a passphrase.")
    ] = False,
    kdf: Annotated[
        str, typer.Option(help="How the passphrase protects: scrypt, bcrypt or pbkdf2_hmac_sha256.")
    ] = "scrypt",
    comment: Annotated[
        str, typer.Option(help="Kept in the private key, readable to all who read the file.")
    ] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace keys that are there.")] = False,
) -> None:
    """Make a key pair: whoever has NAME.pub can encrypt, whoever has NAME.sec can decrypt."""
    from opengdi.apps.commands.crypt4gh.streams import output, refuse_existing
    from opengdi.kernel.errors import Invalid
    from opengdi.standards.crypt4gh import PrivateKey, private_key_text, public_key_text
    from opengdi.standards.crypt4gh.keys import KDFS

    if kdf not in KDFS:
        raise Invalid(f"--kdf {kdf}: one of {', '.join(KDFS)} is expected")
    secret, public = (name.with_name(f"{name.name}.{end}") for end in ("sec", "pub"))
    for file in (secret, public):
        refuse_existing(file, force=force)
    passphrase = None if unprotected else _new_passphrase(passphrase_file)
    key = PrivateKey(os.urandom(32))
    text = private_key_text(
        key, passphrase=passphrase, random=os.urandom(28), kdf=kdf, comment=comment.encode()
    )
    with output(secret, force=force) as written:
        written.write(text.encode())
    with output(public, force=force) as written:
        written.write(public_key_text(key.public).encode())
        os.fchmod(written.fileno(), 0o644)
    print(f"private key {secret}, for nobody else; public key {public}: {key.public}")


def _new_passphrase(file: Path | None) -> bytes:
    """What is to protect a key, said twice if it is typed. Raises Invalid."""
    from opengdi.kernel.errors import Invalid

    passphrase = ask("Passphrase of the new key") if file is None else first_line(file)
    if not passphrase:
        raise Invalid("the passphrase is empty; --unprotected writes a key without one")
    if file is None and ask("The same again") != passphrase:
        raise Invalid("the two passphrases differ; no key was written")
    return passphrase
