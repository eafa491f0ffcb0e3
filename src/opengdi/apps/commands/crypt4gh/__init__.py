"""`gdi crypt4gh`: make keys, encrypt, decrypt, give to others, cut out and look at Crypt4GH files."""

from __future__ import annotations

import typer

from opengdi.apps.commands.crypt4gh.inspecting import inspect
from opengdi.apps.commands.crypt4gh.keygen import keygen
from opengdi.apps.commands.crypt4gh.transfer import cut, decrypt, encrypt, reencrypt

app = typer.Typer(
    no_args_is_help=True, help="Make keys; encrypt, decrypt, re-encrypt and cut Crypt4GH files."
)
app.command()(keygen)
app.command()(encrypt)
app.command()(decrypt)
app.command()(reencrypt)
app.command("slice")(cut)
app.command()(inspect)
