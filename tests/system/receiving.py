"""A node that receives files, and files to send to it: for the system tests of uploads."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx
from botocore.config import Config
from tests.system.serving import Serving, serving, typed

from opengdi.standards.crypt4gh import (
    BodyEncryptor,
    DataKey,
    Header,
    PrivateKey,
    PublicKey,
    parse_public_key,
    seal_header,
)
from opengdi.testing.identity import give_keys, key_token, program

TOKEN, OTHER_TOKEN = key_token("anna"), key_token("ben")


@dataclass
class Receiving:
    """A node with two providers. `node` is replaced when it is started again."""

    home: Path
    node: Serving

    @property
    def s3_url(self) -> str:
        return f"{self.node.public}/s3"

    def key(self) -> PublicKey:
        told = httpx.get(f"{self.node.public}/uploads/v1/key", trust_env=False).raise_for_status().json()
        return parse_public_key(told["publicKey"])

    def client(self, token: str = TOKEN) -> httpx.Client:
        headers = {"authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.node.public, headers=headers, timeout=60, trust_env=False)

    def boto(self, key: str = TOKEN, secret: str = TOKEN, **options: Any) -> Any:
        config = Config(
            s3={"addressing_style": "path"},
            retries={"max_attempts": options.pop("attempts", 1)},
            proxies={},
            **options.pop("config", {}),
        )
        return boto3.client(
            "s3",
            endpoint_url=self.s3_url,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            region_name="us-east-1",
            config=config,
            **options,
        )

    def file(self, path: str, token: str = TOKEN) -> dict[str, Any] | None:
        """The newest file of a path, as the status API tells it."""
        with self.client(token) as client:
            files = client.get("/archive/v1/files", params={"path": path}).raise_for_status().json()["files"]
        return files[-1] if files else None

    def until(self, path: str, *states: str, within_s: float = 60.0) -> dict[str, Any]:
        """The file once it is in one of the states."""
        deadline = time.monotonic() + within_s
        while True:
            file = self.file(path)
            if file and file["state"] in states:
                return file
            assert time.monotonic() < deadline, f"{path} is {file}, not {states}"
            time.sleep(0.05)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What a look into the state database finds."""
        connection = sqlite3.connect(self.home / "data" / "state.sqlite", timeout=30)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()

    def inbox(self) -> list[Path]:
        """Objects in the inbox."""
        folder = self.home / "data" / "inbox" / "pieces"
        return sorted(path for path in folder.rglob("*") if path.is_file())


def found(home: Path, **changed: str) -> None:
    """A node at `home` with two providers; `changed`: settings by name, as TOML, of uploads where they have it."""
    typed("node", "init", home, "--id", "eu.example.ee", "--country", "EE")
    config = home / "gdi.toml"
    lines = config.read_text().splitlines()
    for name, value in changed.items():
        places = [number for number, line in enumerate(lines) if line.startswith(f"{name} = ")]
        place = next((number for number in places if number > lines.index("[uploads]")), places[0])
        lines[place] = f"{name} = {value}"
    config.write_text("\n".join(lines) + "\n")
    give_keys(config, program("anna", "provider:charite"), program("ben", "provider:tartu"))


@contextmanager
def receiving(home: Path, **variables: str) -> Iterator[Receiving]:
    """The node at `home`, serving."""
    (home / "data" / "listening.json").unlink(missing_ok=True)  # of one that was killed
    with serving("node", home / "gdi.toml", home / "data", **variables) as node:
        yield Receiving(home, node)


def encrypted(plain: bytes, key: PublicKey, seed: int = 1) -> bytes:
    """A Crypt4GH file for one recipient, the same for the same seed."""
    fresh = random.Random(seed)
    data_key = DataKey(fresh.randbytes(32))
    header = seal_header(
        Header((data_key,)), [key], PrivateKey(fresh.randbytes(32)), lambda: fresh.randbytes(12)
    )
    body = BodyEncryptor(data_key, fresh.randbytes)
    return header + bytes(body.feed(plain)) + bytes(body.finish())


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def somebody_else() -> PublicKey:
    return PrivateKey(os.urandom(32)).public
