"""How many small files a minute a node takes from a provider: sent by tus, verified, archived, ready.

Sending client and node share the machine's cores. The files are encrypted beforehand, each under a key of its own; the
figure runs from the first byte that is sent to the moment the provider sees the last of them ready.
"""

from __future__ import annotations

import base64
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from bench.variants import node
from opengdi.apps.founding import found_node
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

if TYPE_CHECKING:
    from bench.__main__ import Figure

TOKEN = key_token("bench")
PLAIN_BYTES = 20_000
SENDERS = 4
POLL_S = 0.2


def figures(*, quick: bool) -> list[Figure]:
    """`archive.files_per_minute`."""
    os.sched_setaffinity(0, range(os.cpu_count() or 1))  # an earlier suite may have kept to one core
    count = 50 if quick else 1_000
    with tempfile.TemporaryDirectory() as name:
        settings = found_node(
            Path(name, "node"), {"id": "org.example.bench", "name": "Bench", "country": "EE"}
        )
        give_keys(settings, program("bench", "provider:clinic"))
        with node(settings, cores="0-1") as serving, sender_of(serving.public) as client:
            key = parse_public_key(client.get("/uploads/v1/key").raise_for_status().json()["publicKey"])
            files = [encrypted(key) for _ in range(count)]
            hand_in(client, [encrypted(key)], "warm")
            began = time.perf_counter()
            hand_in(client, files, "file")
            minutes = (time.perf_counter() - began) / 60
    return [
        {
            "name": "archive.files_per_minute",
            "value": round(count / minutes),
            "unit": "files/min",
            "peer": None,
            "peer_value": None,
            "ratio": None,
        }
    ]


def sender_of(url: str) -> httpx.Client:
    return httpx.Client(
        base_url=url, headers={"authorization": f"Bearer {TOKEN}"}, timeout=60, trust_env=False
    )


def encrypted(key: PublicKey) -> bytes:
    data_key = DataKey(os.urandom(32))
    writer = PrivateKey(os.urandom(32))
    header = seal_header(Header((data_key,)), [key], writer, lambda: os.urandom(12))
    body = BodyEncryptor(data_key, os.urandom)
    return header + bytes(body.feed(os.urandom(PLAIN_BYTES))) + bytes(body.finish())


def hand_in(client: httpx.Client, files: list[bytes], name: str) -> list[str]:
    """Send all of them, and wait until the provider sees each one ready; their ids."""

    def send(numbered: tuple[int, bytes]) -> str:
        number, content = numbered
        path = base64.b64encode(f"{name}-{number}.c4gh".encode()).decode()
        headers = {
            "tus-resumable": "1.0.0",
            "upload-length": str(len(content)),
            "upload-metadata": f"path {path}",
            "content-type": "application/offset+octet-stream",
        }
        answer = client.post("/uploads/v1/", content=content, headers=headers).raise_for_status()
        return answer.headers["gdi-file-id"]

    with ThreadPoolExecutor(SENDERS) as senders:
        waiting = list(senders.map(send, enumerate(files)))
    for file in waiting:
        while _state(client, file) != "ready":
            time.sleep(POLL_S)
    return waiting


def _state(client: httpx.Client, file: str) -> str:
    state: str = client.get(f"/archive/v1/files/{file}").raise_for_status().json()["state"]
    if state == "error":
        raise RuntimeError(f"{file} ended in error at {urlsplit(str(client.base_url)).netloc}")
    return state
