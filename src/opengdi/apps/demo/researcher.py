"""Somebody with a token at a node, and the programs and requests by which they get files there."""

from __future__ import annotations

import base64
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import httpx

from opengdi.apps.demo.command import gdi
from opengdi.apps.demo.sequencing import Handed
from opengdi.apps.disk import make_private_folder, write_private
from opengdi.kernel.errors import Unavailable
from opengdi.standards.crypt4gh import PublicKey, header_length, parse_public_key

LONGEST_S: Final = 60.0
_PYSAM: Final = {
    "reads": "import pysam, sys; [print(r.to_string()) for r in pysam.AlignmentFile(sys.argv[1])]",
    "variants": "import pysam, sys; [print(r, end='') for r in pysam.VariantFile(sys.argv[1])]",
}
_VIEWS: Final = {"reads": ("samtools", "view"), "variants": ("bcftools", "view", "--no-header")}


@dataclass(frozen=True)
class Researcher:
    """Works in the folder `desk`, at the node `url`. The token lies there in a file, as htslib reads it."""

    url: str
    token: str
    desk: Path

    def settle(self) -> None:
        """Make the folder, the file with the token, and a pair of Crypt4GH keys."""
        make_private_folder(self.desk)
        write_private(self.token_file, self.token + "\n")
        gdi("crypt4gh", "keygen", str(self.desk / "key"), "--unprotected")

    @property
    def token_file(self) -> Path:
        return self.desk / "token"

    @property
    def htslib_variables(self) -> dict[str, str]:
        """What samtools, bcftools and pysam need to send the token, here without TLS."""
        return {
            "HTS_AUTH_LOCATION": str(self.token_file),
            "HTS_ALLOW_UNENCRYPTED_AUTHORIZATION_HEADER": "I understand the risks",
        }

    @cached_property
    def key(self) -> PublicKey:
        return parse_public_key((self.desk / "key.pub").read_bytes())

    def ticket_url(self, file: Handed, file_id: str, **more: str) -> str:
        """Where htsget tells how to get the stretch of a file."""
        stretch = file.stretch
        span = {"referenceName": stretch.reference, "start": stretch.start, "end": stretch.end}
        return f"{self.url}/htsget/{file.kind}/{file_id}?{urlencode(span | more)}"

    def ask(self, url: str, *, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """The answer, whatever its status."""
        return httpx.get(url, headers={**self._bearer, **(headers or {})}, timeout=LONGEST_S, trust_env=False)

    def ask_json(self, url: str, *, headers: Mapping[str, str] | None = None) -> Any:
        """Raises httpx.HTTPStatusError where it is refused."""
        return self.ask(url, headers=headers).raise_for_status().json()

    # -- a stretch -----------------------------------------------------------------------------

    def reader_of(self, kind: str) -> str:
        """The program that reads records: samtools and bcftools where they are installed, else pysam."""
        return _VIEWS[kind][0] if shutil.which(_VIEWS[kind][0]) else "pysam"

    def stream(self, kind: str, url: str) -> list[str]:
        """The records that such a program gets by htsget, as text. Raises Unavailable if it fails."""
        name = self.reader_of(kind)
        command = (sys.executable, "-c", _PYSAM[kind]) if name == "pysam" else _VIEWS[kind]
        variables = [f"{each}={value}" for each, value in self.htslib_variables.items()]
        done = subprocess.run(
            ["env", *variables, *command, url],
            capture_output=True,
            text=True,
            check=False,
            timeout=LONGEST_S,
        )
        if done.returncode != 0:
            raise Unavailable(f"{name} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout.splitlines()

    def fetch_encrypted(self, url: str, target: Path) -> int:
        """Write what an encrypted ticket points to: one Crypt4GH file. Returns its size in bytes."""
        ticket = self.ask_json(url, headers={"Htsget-Context-Public-Key": str(self.key)})["htsget"]
        target.write_bytes(b"".join(_block(block) for block in ticket["urls"]))
        return target.stat().st_size

    def decrypt(self, source: Path, target: Path) -> None:
        """By `gdi crypt4gh decrypt` and the researcher's private key. Raises Unavailable if that fails."""
        gdi("crypt4gh", "decrypt", str(source), str(target), "--key", str(self.desk / "key.sec"))

    # -- a whole file --------------------------------------------------------------------------

    def download(self, url: str, target: Path, *, stop_after: int | None = None) -> int:
        """Write the file, or go on with what is there and its tag. Returns the bytes that came this time.

        stop_after: hang up after so many bytes.
        """
        tag, there = target.with_name(f"{target.name}.etag"), target.stat().st_size if target.exists() else 0
        headers = {**self._bearer, "X-C4GH-Public-Key": str(self.key)}
        if there:
            headers |= {"Range": f"bytes={there}-", "If-Range": tag.read_text()}
        came = 0
        with httpx.stream("GET", url, headers=headers, timeout=LONGEST_S, trust_env=False) as answer:
            answer.raise_for_status()
            goes_on = answer.status_code == httpx.codes.PARTIAL_CONTENT
            tag.write_text(answer.headers["etag"])
            with target.open("ab" if goes_on else "wb") as out:
                for piece in answer.iter_raw(1 << 16):
                    came += out.write(piece)
                    if stop_after is not None and came >= stop_after:
                        break
        return came

    @property
    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


def body_sha256(crypt4gh_file: Path) -> str:
    """SHA-256 of what follows the header, which is the same for every reader. Raises ValueError without a header."""
    raw = crypt4gh_file.read_bytes()
    header_bytes = header_length(raw)
    if header_bytes is None:
        raise ValueError(f"{crypt4gh_file} ends within its header")
    return sha256(raw[header_bytes:]).hexdigest()


def _block(block: Mapping[str, Any]) -> bytes:
    """What one url of a ticket gives. Its address is the right to it: no token goes along."""
    url = str(block["url"])
    if url.startswith("data:"):
        return base64.b64decode(url.partition(",")[2])
    headers = block.get("headers", {})
    return httpx.get(url, headers=headers, timeout=LONGEST_S, trust_env=False).raise_for_status().content
