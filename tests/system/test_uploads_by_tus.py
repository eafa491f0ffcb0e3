"""Resumable uploads to a real node, as any tus client speaks, at any speed."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from tests.system.receiving import (
    OTHER_TOKEN,
    TOKEN,
    Receiving,
    encrypted,
    found,
    noise,
    receiving,
    somebody_else,
)

from opengdi.standards import tus

BASE = "/uploads/v1/"
IDLE_S = 1.0
REQUEST_S = 3.0


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiving]:
    """A node that is impatient with silence and with ordinary requests."""
    home = tmp_path_factory.mktemp("receiving") / "ee"
    found(
        home,
        idle_s=str(IDLE_S),
        request_s=str(REQUEST_S),
        piece_bytes="1_048_576",
        quotas="{ tartu = 3_000 }",
    )
    with receiving(home) as running:
        yield running


@pytest.fixture
def client(node: Receiving) -> Iterator[httpx.Client]:
    with node.client() as opened:
        opened.headers["tus-resumable"] = "1.0.0"
        yield opened


def begin(client: httpx.Client, length: int, content: bytes = b"", **metadata: str) -> httpx.Response:
    headers = {"upload-length": str(length), "upload-metadata": tus.write_metadata(metadata)}
    if content:
        headers["content-type"] = tus.CONTENT_TYPE
    return client.post(BASE, headers=headers, content=content)


def patch(client: httpx.Client, at: str, offset: int, data: bytes, **headers: str) -> httpx.Response:
    told = {"upload-offset": str(offset), "content-type": tus.CONTENT_TYPE}
    return client.patch(at, content=data, headers=told | {k.replace("_", "-"): v for k, v in headers.items()})


def offset_of(client: httpx.Client, at: str) -> int:
    return int(client.head(at).raise_for_status().headers["upload-offset"])


def test_the_server_says_what_it_can(node):
    told = httpx.options(node.node.public + BASE, trust_env=False)
    assert told.status_code == 204
    assert told.headers["tus-version"] == told.headers["tus-resumable"] == "1.0.0"
    assert set(told.headers["tus-extension"].split(",")) == set(tus.EXTENSIONS)
    assert "sha1" in told.headers["tus-checksum-algorithm"].split(",")


def test_the_key_is_everybodys_to_know(node):
    told = httpx.get(f"{node.node.public}/uploads/v1/key", trust_env=False).json()
    assert told["fingerprint"] == str(node.key())


def test_a_file_arrives_piece_by_piece(node, client):
    plain = noise(3_000_000)
    data = encrypted(plain, node.key())
    created = begin(
        client,
        len(data),
        path="tus/pieces.c4gh",
        dataset="GDI-EE-TUS-1",
        sha256=hashlib.sha256(data).hexdigest(),
    )
    assert created.status_code == 201
    at = created.headers["location"]
    assert "GMT" in created.headers["upload-expires"]
    offset = 0
    for size in (1, 100, 1_500_000, len(data)):
        answered = patch(client, at, offset, data[offset : offset + size])
        assert answered.status_code == 204, answered.text
        offset = int(answered.headers["upload-offset"])
    assert offset == len(data) == offset_of(client, at)
    file = node.until("tus/pieces.c4gh", "ready", "error")
    assert (file["fileId"], file["dataset"]) == (answered.headers["gdi-file-id"], "GDI-EE-TUS-1")
    digest = hashlib.sha256(plain).hexdigest()
    assert any(check["checksum"] == digest for check in file["checksums"])


def test_a_small_file_comes_with_its_creation(node, client):
    data = encrypted(noise(100, 2), node.key())
    created = begin(client, len(data), data, filename="tus/small.c4gh")
    assert (created.status_code, created.headers["upload-offset"]) == (201, str(len(data)))
    file = node.until("tus/small.c4gh", "ready", "error")
    assert (file["state"], file["fileId"]) == ("ready", created.headers["gdi-file-id"])


def test_a_wrong_offset_is_a_conflict_and_nothing_moves(node, client):
    data = encrypted(noise(1000, 3), node.key())
    at = begin(client, len(data), path="tus/offset.c4gh").headers["location"]
    assert patch(client, at, 5, data[5:]).status_code == 409
    assert offset_of(client, at) == 0


def test_a_piece_whose_checksum_does_not_hold_is_discarded(node, client):
    data = encrypted(noise(1000, 4), node.key())
    at = begin(client, len(data), path="tus/checksum.c4gh").headers["location"]
    wrong = "sha1 " + base64.b64encode(hashlib.sha1(b"x").digest()).decode()
    assert patch(client, at, 0, data, upload_checksum=wrong).status_code == tus.CHECKSUM_MISMATCH
    assert offset_of(client, at) == 0
    assert patch(client, at, 0, data, upload_checksum="crc99 AAAA").status_code == 400
    right = "sha256 " + base64.b64encode(hashlib.sha256(data).digest()).decode()
    assert patch(client, at, 0, data, upload_checksum=right).status_code == 204
    assert node.until("tus/checksum.c4gh", "ready", "error")["state"] == "ready"


def test_files_are_put_together_from_parts_that_came_side_by_side(node, client):
    plain = noise(300_000, 5)
    data = encrypted(plain, node.key())
    parts = []
    for piece in (data[200_000:], data[:200_000]):
        headers = {"upload-concat": "partial", "upload-length": str(len(piece))}
        created = client.post(BASE, headers=headers)
        assert patch(client, created.headers["location"], 0, piece).status_code == 204
        parts.insert(0, created.headers["location"])
    final = {
        "upload-concat": "final;" + " ".join(parts),
        "upload-metadata": tus.write_metadata({"path": "tus/whole.c4gh"}),
    }
    created = client.post(BASE, headers=final)
    assert created.status_code == 201
    assert client.post(BASE, headers=final).headers["location"] == created.headers["location"]
    assert node.until("tus/whole.c4gh", "ready", "error")["state"] == "ready"


def test_an_upload_says_again_how_it_was_begun(node, client):
    data = encrypted(noise(1000, 11), node.key())
    metadata = tus.write_metadata({"path": "tus/told.c4gh", "note": "x"})
    headers = {"upload-metadata": metadata, "upload-length": str(len(data))}
    single = client.post(BASE, headers=headers).headers["location"]
    told = client.head(single).headers
    assert (told["upload-metadata"], "upload-concat" in told) == (metadata, False)
    partial = client.post(BASE, headers=headers | {"upload-concat": "partial"}).headers["location"]
    told = client.head(partial).headers
    assert (told["upload-metadata"], told["upload-concat"]) == (metadata, "partial")
    assert patch(client, partial, 0, data).status_code == 204
    final = {"upload-concat": f"final;{partial}", "upload-metadata": metadata}
    whole = client.post(BASE, headers=final).headers["location"]
    told = client.head(whole).headers
    assert {name: told[name] for name in final} == final
    assert told["upload-offset"] == told["upload-length"] == str(len(data))


def test_a_final_upload_takes_no_more(node, client):
    data = encrypted(noise(1000, 12), node.key())
    headers = {"upload-concat": "partial", "upload-length": str(len(data))}
    partial = client.post(BASE, headers=headers).headers["location"]
    assert patch(client, partial, 0, data).status_code == 204
    metadata = tus.write_metadata({"path": "tus/final.c4gh"})
    final = {"upload-concat": f"final;{partial}", "upload-metadata": metadata}
    whole = client.post(BASE, headers=final).headers["location"]
    for offset, more in ((0, data), (len(data), b""), (len(data), b"x")):
        refused = patch(client, whole, offset, more)
        assert (refused.status_code, "final" in refused.json()["detail"]) == (403, True)
    assert node.until("tus/final.c4gh", "ready", "error")["state"] == "ready"


def test_an_upload_that_is_terminated_is_gone(node, client):
    at = begin(client, 100, path="tus/gone.c4gh").headers["location"]
    assert client.delete(at).status_code == 204
    assert client.head(at).status_code == 404


def test_uploads_of_another_provider_are_not_there(node, client):
    at = begin(client, 100, path="tus/mine.c4gh").headers["location"]
    theirs = {"authorization": f"Bearer {OTHER_TOKEN}"}
    assert client.head(at, headers=theirs).status_code == 404
    assert client.head(f"{BASE}{'0' * 32}", headers=theirs).status_code == 404


def test_a_full_quota_is_said_when_an_upload_begins_and_when_its_bytes_come(node):
    data = encrypted(noise(1800, 14), node.key())
    with node.client(OTHER_TOKEN) as client:
        client.headers["tus-resumable"] = "1.0.0"
        refused = [begin(client, 3001, path="tus/large.c4gh")]
        first, second = (
            begin(client, len(data), path=f"tus/{name}.c4gh").headers["location"] for name in "ab"
        )
        assert patch(client, first, 0, data).status_code == 204
        refused.append(patch(client, second, 0, data))
        refused.append(begin(client, len(data), data, path="tus/c.c4gh"))
    for answered in refused:
        assert answered.status_code == 413
        assert "tartu may hold 3000 bytes" in answered.json()["detail"]


def test_who_is_not_known_is_told_so_before_anything_else(node):
    answered = httpx.post(node.node.public + BASE, trust_env=False)
    assert (answered.status_code, answered.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize(
    "method, headers, status",
    [
        ("POST", {"tus-resumable": "0.2.0", "upload-length": "5"}, 412),
        ("POST", {}, 400),
        ("POST", {"upload-length": "-1"}, 400),
        ("POST", {"upload-length": str(2**62)}, 413),
        ("POST", {"upload-length": "5", "upload-metadata": "path !"}, 400),
        ("POST", {"upload-length": "5", "upload-metadata": tus.write_metadata({"path": "/etc/../x"})}, 400),
        ("POST", {"upload-length": "5", "upload-metadata": tus.write_metadata({"path": "x.md5"})}, 400),
        (
            "POST",
            {"upload-length": "5", "upload-metadata": tus.write_metadata({"path": "x", "md5": "1"})},
            400,
        ),
        ("POST", {"upload-length": "5", "upload-metadata": tus.write_metadata({"dataset": "a b"})}, 400),
        ("POST", {"upload-concat": "final;/uploads/v1/none"}, 404),
        ("PUT", {}, 405),
        ("GET", {}, 405),
    ],
)
def test_a_request_that_cannot_be_carried_out_says_why(client, method, headers, status):
    answered = client.request(method, BASE, headers=headers)
    assert answered.status_code == status, answered.text
    assert json.loads(answered.text)["detail"]


@pytest.mark.parametrize("data", [b"@HD\tVN:1.6\n" * 500, encrypted(noise(500), somebody_else())])
def test_what_is_not_encrypted_to_the_node_is_refused_at_once(node, client, data):
    at = begin(client, len(data), path=f"tus/no-{len(data)}.c4gh").headers["location"]
    refused = patch(client, at, 0, data[:200])
    assert refused.status_code == 400
    assert str(node.key()) in refused.json()["detail"]
    assert client.head(at).status_code == 404
    assert refused.json()["detail"] == patch(client, at, 0, data[:200]).json()["detail"]


class Wire:
    """A request over a socket, its body byte by byte if need be."""

    def __init__(self, node: Receiving, method: str, at: str, length: int, **headers: str) -> None:
        address = urlsplit(node.node.public)
        self._socket = socket.create_connection((address.hostname, address.port), timeout=30)
        told = {"host": address.netloc, "authorization": f"Bearer {TOKEN}", "content-length": str(length)}
        lines = [f"{method} {at} HTTP/1.1", *(f"{name}: {value}" for name, value in (told | headers).items())]
        self.send("\r\n".join([*lines, "", ""]).encode())

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def status(self) -> int:
        """What is answered; the connection ends."""
        with self._socket:
            return int(self._socket.recv(4096).split()[1])

    def close(self) -> None:
        self._socket.close()


def patching(node: Receiving, at: str, length: int) -> Wire:
    """A PATCH from the beginning."""
    headers = {"tus-resumable": "1.0.0", "content-type": tus.CONTENT_TYPE, "upload-offset": "0"}
    return Wire(node, "PATCH", at, length, **headers)


def send_slowly(wire: Wire, data: bytes) -> None:
    """At 375 bytes a second; longer than an ordinary request may take."""
    began = time.monotonic()
    for start in range(0, len(data), 150):
        wire.send(data[start : start + 150])
        time.sleep(0.4)
    assert time.monotonic() - began > max(5 * IDLE_S, REQUEST_S)


def test_a_sender_that_is_slow_is_not_cut_off(node, client):
    data = encrypted(noise(2000, 6), node.key())
    at = begin(client, len(data), path="tus/slow.c4gh").headers["location"]
    wire = patching(node, at, len(data))
    send_slowly(wire, data)
    assert wire.status() == 204
    assert node.until("tus/slow.c4gh", "ready", "error")["state"] == "ready"


def test_a_sender_by_s3_that_is_slow_is_not_cut_off(node):
    data = encrypted(noise(2000, 13), node.key())
    wire = Wire(node, "PUT", "/s3/charite/tus/slow-s3.c4gh", len(data))
    send_slowly(wire, data)
    assert wire.status() == 200
    assert node.until("tus/slow-s3.c4gh", "ready", "error")["state"] == "ready"


def test_a_sender_that_falls_silent_is_cut_off_and_what_came_is_kept(node, client):
    data = encrypted(noise(2000, 8), node.key())
    at = begin(client, len(data), path="tus/silent.c4gh").headers["location"]
    wire = patching(node, at, len(data))
    wire.send(data[:700])
    assert wire.status() == 408
    assert offset_of(client, at) == 700
    assert patch(client, at, 700, data[700:]).status_code == 204
    assert node.until("tus/silent.c4gh", "ready", "error")["state"] == "ready"


def test_what_came_before_a_connection_broke_is_kept(node, client):
    data = encrypted(noise(5_000_000, 9), node.key())
    at = begin(client, len(data), path="tus/broken.c4gh").headers["location"]
    wire = patching(node, at, len(data))
    wire.send(data[:3_000_000])
    wire.close()
    deadline = time.monotonic() + 20
    while offset_of(client, at) < 3_000_000:
        assert time.monotonic() < deadline, offset_of(client, at)
        time.sleep(0.05)
    assert offset_of(client, at) == 3_000_000
    assert patch(client, at, 3_000_000, data[3_000_000:]).status_code == 204


def resident_bytes(node: Receiving) -> float:
    metrics = httpx.get(f"{node.node.management}/metrics", trust_env=False).text
    line = next(line for line in metrics.splitlines() if line.startswith("process_resident_memory_bytes "))
    return float(line.split()[1])


def test_memory_stays_flat_however_large_a_body_is(node, client):
    head = encrypted(noise(100), node.key())
    size = 256 * 1024**2
    s3 = node.boto()
    where = {"Bucket": "charite", "Key": "tus/huge.c4gh"}
    id_ = s3.create_multipart_upload(**where)["UploadId"]
    before = resident_bytes(node)

    def body() -> Iterator[bytes]:
        yield head
        block = bytes(1024**2)
        for _ in range(255):
            yield block
        yield block[: size - len(head) - 255 * len(block)]

    headers = {"content-length": str(size)}
    parameters = {"partNumber": "1", "uploadId": id_}
    answered = client.put("/s3/charite/tus/huge.c4gh", params=parameters, content=body(), headers=headers)
    assert answered.status_code == 200, answered.text
    assert resident_bytes(node) - before < 64 * 1024**2
    s3.abort_multipart_upload(**where, UploadId=id_)
    assert node.rows("SELECT count(*) FROM upload_pieces WHERE size_bytes > 1048576") == [(0,)]


FUZZ = (
    *(
        "upload-offset",
        "upload-length",
        "upload-metadata",
        "upload-checksum",
        "upload-concat",
        "content-type",
    ),
    *("tus-resumable", "x-http-method-override", "upload-defer-length"),
)
FUZZ_VALUES = (
    *("0", "-1", "5", "9" * 25, "\u00ff", "sha1 AAAA", "sha1", "path YQ==", "path Lw==", "a b c", "partial"),
    *(
        "final;",
        "final;/uploads/v1/x",
        "1.0.0",
        "PATCH",
        "DELETE",
        tus.CONTENT_TYPE,
        "text/plain",
        "final;http://[x",
    ),
)


def test_no_request_whatever_brings_the_endpoint_down(node, client):
    fresh = random.Random(29112026)
    known = [begin(client, 1000, path=f"tus/fuzz-{number}.c4gh").headers["location"] for number in range(3)]
    for _ in range(400):
        method = fresh.choice(["GET", "PUT", "POST", "HEAD", "DELETE", "PATCH", "PATCH", "OPTIONS"])
        address = fresh.choice([BASE, BASE + "%00", BASE + "x/y", BASE + "key", "/uploads/v1", *known])
        headers = [
            (fresh.choice(FUZZ), fresh.choice(FUZZ_VALUES).encode("latin-1"))
            for _ in range(fresh.randrange(5))
        ]
        answered = client.request(
            method, address, headers=headers, content=fresh.randbytes(fresh.choice([0, 9, 999]))
        )
        assert answered.status_code < 500, (method, address, headers, answered.text)
    assert "defect" not in node.node.log.read_text()
