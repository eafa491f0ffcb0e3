"""A real S3 server (moto) on loopback, in a process of its own, for whatever suite keeps objects."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest

from opengdi.kernel.storage.object_store import MOST_PARTS, PART_BYTES, ObjectStorage


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """Address of an S3 server in a process of its own; skips where `moto` is not installed."""
    pytest.importorskip("moto.server", reason="moto[s3,server] is not installed", exc_type=ImportError)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    script = f"from moto.server import main; main(['-H', '127.0.0.1', '-p', '{port}'])"
    server = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_until_it_answers(server, f"http://127.0.0.1:{port}/")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)


def s3_storage(
    address: str, name: str, *, part_bytes: int = PART_BYTES, most_parts: int = MOST_PARTS
) -> ObjectStorage:
    """A storage in a bucket of its own."""
    bucket = s3_bucket(name)
    httpx.put(f"{address}/{bucket}").raise_for_status()
    return ObjectStorage.at(
        f"s3://{bucket}/node",
        s3_options(address),
        {"allow_http": True},
        part_bytes=part_bytes,
        most_parts=most_parts,
    )


def s3_bucket(name: str) -> str:
    """The bucket of a storage."""
    return f"bucket-{name.replace('_', '-')[:50].lower().strip('-')}"


def s3_options(address: str) -> dict[str, str]:
    """What a client of the server needs."""
    return {
        "endpoint": address,
        "access_key_id": "test",
        "secret_access_key": "test",
        "region": "us-east-1",
    }


def _wait_until_it_answers(server: subprocess.Popen[bytes], address: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            httpx.get(address)
        except httpx.TransportError:
            assert server.poll() is None, "the S3 server ended at once"
            assert time.monotonic() < deadline, "the S3 server did not answer"
            time.sleep(0.05)
        else:
            return
