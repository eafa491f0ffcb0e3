"""A real S3 server (moto) on loopback, in a process of its own, for whatever suite keeps objects."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.system.ports import free_port

from opengdi.kernel.storage.object_store import MOST_PARTS, PART_BYTES, ObjectStorage


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """Address of an S3 server in a process of its own; skips where `moto` is not installed."""
    pytest.importorskip("moto.server", reason="moto[s3,server] is not installed", exc_type=ImportError)
    port = free_port()
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


def s3_client(address: str) -> Any:
    """A client of the field. boto3 takes a while to import, and most tests have no use for it."""
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=address,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
    )


def unfinished_uploads(address: str, bucket: str) -> list[str]:
    """Keys of multipart uploads that were neither completed nor ended."""
    listed = s3_client(address).list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    return sorted(each["Key"] for each in listed)


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
