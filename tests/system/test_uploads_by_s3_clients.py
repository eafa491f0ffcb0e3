"""Uploads to a real node by the S3 clients of the field: boto3, s3cmd, and what sda-cli does."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import random
import subprocess
import sys
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree as ET

import httpx
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError
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

from opengdi.kernel.errors import Unavailable
from opengdi.kernel.storage import unfinished
from opengdi.kernel.storage.object_store import ObjectStorage
from opengdi.testing.identity import key_id, key_secret

FIVE = 5 * 1024**2


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiving]:
    home = tmp_path_factory.mktemp("receiving") / "ee"
    found(home, quotas="{ tartu = 3_000_000 }")
    with receiving(home) as running:
        yield running


@pytest.fixture(scope="module")
def large(node: Receiving) -> bytes:
    return encrypted(noise(23_000_000), node.key(), 7)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def plain_sha256(file: dict) -> str:
    return next(check["checksum"] for check in file["checksums"] if check["of"] == "unencrypted")


def test_boto3_puts_an_object_and_the_archive_has_what_it_decrypts_to(node):
    plain = noise(100_000, 11)
    data = encrypted(plain, node.key())
    answered = node.boto().put_object(Bucket="charite", Key="boto/one.c4gh", Body=data)
    assert answered["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
    assert plain_sha256(node.until("boto/one.c4gh", "ready", "error")) == sha256(plain)
    head = node.boto().head_object(Bucket="charite", Key="boto/one.c4gh")
    assert (head["ContentLength"], head["ETag"]) == (len(data), answered["ETag"])


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_boto3_uploads_in_parts_side_by_side_with_any_checksum(node, large, algorithm):
    path = f"boto/parts-{algorithm}.c4gh"
    node.boto().upload_fileobj(
        io.BytesIO(large),
        "charite",
        path,
        ExtraArgs={"ChecksumAlgorithm": algorithm},
        Config=TransferConfig(multipart_chunksize=FIVE, max_concurrency=4),
    )
    assert plain_sha256(node.until(path, "ready", "error")) == sha256(noise(23_000_000))
    assert node.boto().head_object(Bucket="charite", Key=path)["ETag"].endswith('-5"')


def test_an_interrupted_upload_goes_on_by_what_list_parts_tells(node, large):
    s3, where = node.boto(), {"Bucket": "charite", "Key": "boto/resumed.c4gh"}
    id_ = s3.create_multipart_upload(**where)["UploadId"]
    pieces = {number + 1: large[at : at + FIVE] for number, at in enumerate(range(0, len(large), FIVE))}
    for number in (1, 3):
        s3.upload_part(**where, UploadId=id_, PartNumber=number, Body=pieces[number])
    listed = s3.list_multipart_uploads(Bucket="charite", Prefix="boto/resumed")["Uploads"]
    assert [upload["UploadId"] for upload in listed] == [id_]
    there = s3.list_parts(**where, UploadId=id_)["Parts"]
    assert [(part["PartNumber"], part["Size"]) for part in there] == [(1, FIVE), (3, FIVE)]
    for number in pieces.keys() - {1, 3}:
        s3.upload_part(**where, UploadId=id_, PartNumber=number, Body=pieces[number])
    parts = s3.list_parts(**where, UploadId=id_)["Parts"]
    named = [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in parts]
    done = s3.complete_multipart_upload(**where, UploadId=id_, MultipartUpload={"Parts": named})
    assert (
        done["ETag"]
        == s3.complete_multipart_upload(**where, UploadId=id_, MultipartUpload={"Parts": named})["ETag"]
    )
    assert plain_sha256(node.until(where["Key"], "ready", "error")) == sha256(noise(23_000_000))


def test_no_client_claims_an_md5_for_the_whole_that_nobody_computed(node, large):
    node.boto().upload_fileobj(
        io.BytesIO(large), "charite", "boto/no-md5.c4gh", Config=TransferConfig(multipart_chunksize=FIVE)
    )
    file = node.until("boto/no-md5.c4gh", "ready", "error")
    assert {check["type"] for check in file["checksums"]} == {"sha256"}


def test_declared_digests_are_compared_and_a_wrong_one_is_the_users_error(node):
    plain = noise(5000, 12)
    data = encrypted(plain, node.key())
    right = {"sha256": sha256(data), "plain-sha256": sha256(plain), "md5": hashlib.md5(data).hexdigest()}
    node.boto().put_object(Bucket="charite", Key="declared/right.c4gh", Body=data, Metadata=right)
    assert node.until("declared/right.c4gh", "ready", "error")["state"] == "ready"
    wrong = right | {"plain-sha256": "0" * 64}
    node.boto().put_object(Bucket="charite", Key="declared/wrong.c4gh", Body=data, Metadata=wrong)
    file = node.until("declared/wrong.c4gh", "ready", "error")
    assert file["state"] == "error"
    assert "SHA-256 of the decrypted file" in file["reason"]


@pytest.mark.parametrize("metadata", [{"sha256": "abc"}, {"plain-md5": "g" * 32}, {"dataset": "my dataset"}])
def test_what_is_declared_wrongly_is_refused_before_anything_is_sent(node, metadata):
    s3, where = node.boto(), {"Bucket": "charite", "Key": "declared/typing-error.c4gh", "Metadata": metadata}
    for begin in (s3.create_multipart_upload, partial(s3.put_object, Body=b"")):
        with pytest.raises(ClientError, match=f"{next(iter(metadata)).replace('-', '_')}.* must be"):
            begin(**where)
    assert node.rows("SELECT count(*) FROM uploads WHERE path = 'declared/typing-error.c4gh'") == [(0,)]


@pytest.mark.parametrize("what", ["plaintext", "another key"])
@pytest.mark.parametrize("size", [50_000, 23_000_000])
def test_what_is_not_encrypted_to_the_node_is_refused_with_the_right_keys_fingerprint(node, what, size):
    marker = b"ACGTTGCA-in-plain-text-"
    plain = marker * (size // len(marker))
    data = plain if what == "plaintext" else encrypted(plain, somebody_else())
    s3, path = node.boto(), f"refused/{size}-{what.replace(' ', '-')}.c4gh"
    with pytest.raises(Exception, match="key") as refused:
        s3.upload_fileobj(io.BytesIO(data), "charite", path, Config=TransferConfig(multipart_chunksize=FIVE))
    assert str(node.key()) in str(refused.value)
    assert node.file(path) is None
    stored = (file.read_bytes() for file in (node.home / "data").rglob("*") if file.is_file())
    assert not any(marker in content for content in stored)


def test_the_field_s_login_style_works_key_and_secret_are_the_user_and_the_token_goes_along(node):
    data = encrypted(noise(5000, 13), node.key())
    s3 = node.boto("charite", "charite", aws_session_token=TOKEN)
    s3.put_object(Bucket="charite", Key="sda/one.c4gh", Body=data)
    listed = s3.list_objects_v2(Bucket="charite", Prefix="sda/")
    assert [found["Key"] for found in listed["Contents"]] == ["sda/one.c4gh"]


def test_sda_cli_lists_a_bucket_with_a_slash_where_every_key_begins_with_it(node):
    s3 = node.boto("charite", "charite", aws_session_token=TOKEN)
    names = [f"sda-cli/{number}.c4gh" for number in range(3)]
    for name in names:
        data = encrypted(noise(5), node.key())
        s3.put_object(Bucket="charite", Key=name, Body=data, ContentEncoding="UTF-8")
    shown = [f"charite/{name}" for name in names]
    with node.client() as client:

        def told(prefix: str, query: str = "") -> str:
            address = f"/s3/charite%2F?prefix={quote(prefix, safe='')}{query}"
            return client.get(address).raise_for_status().text

        whole = told("charite/sda-cli/")
        assert (keys_in(whole), "<IsTruncated>false" in whole) == (shown, True)
        first = told("charite/sda-cli/", "&max-keys=2")
        marker = first.partition("<NextMarker>")[2].partition("<")[0]
        assert (keys_in(first), marker) == (shown[:2], shown[1])
        assert keys_in(told("charite/sda-cli/", f"&marker={quote(marker, safe='')}")) == shown[2:]
        assert keys_in(told("charite/sda-cli/", "&list-type=2&max-keys=1")) == shown[:1]
        assert keys_in(told("tartu/sda-cli/")) == []
        assert client.get("/s3/tartu%2F?prefix=tartu%2F").status_code == 403


def keys_in(document: str) -> list[str]:
    return [key.text or "" for key in ET.fromstring(document).iterfind(".//{*}Key")]


def test_the_id_of_a_key_and_its_secret_are_key_and_secret(node):
    assert node.boto(key_id("anna"), key_secret("anna")).list_buckets()["Buckets"][0]["Name"] == "charite"


@pytest.mark.parametrize(
    "key, secret, token, code",
    [
        ("nobody", "nobody", None, "InvalidAccessKeyId"),
        (key_id("anna"), "another secret", None, "SignatureDoesNotMatch"),
        (key_id("anna"), key_id("anna"), None, "SignatureDoesNotMatch"),
        (key_id("nobody"), key_secret("nobody"), None, "InvalidAccessKeyId"),
        (f"{TOKEN[:-1]}2", f"{TOKEN[:-1]}2", None, "AccessDenied"),
        (TOKEN, "another secret", None, "SignatureDoesNotMatch"),
        ("charite", "charite", "not a token", "AccessDenied"),
        ("charite", "other", TOKEN, "SignatureDoesNotMatch"),
    ],
)
def test_who_does_not_prove_who_it_is_gets_nothing(node, key, secret, token, code):
    with pytest.raises(ClientError) as refused:
        node.boto(key, secret, aws_session_token=token).list_objects_v2(Bucket="charite")
    assert refused.value.response["Error"]["Code"] == code
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_another_providers_bucket_is_told_like_one_that_is_not_there(node):
    s3 = node.boto(OTHER_TOKEN, OTHER_TOKEN)
    messages = set()
    for bucket in ("charite", "nowhere"):
        with pytest.raises(ClientError) as refused:
            s3.list_objects_v2(Bucket=bucket)
        messages.add(str(refused.value))
    assert len(messages) == 1
    assert s3.list_objects_v2(Bucket="tartu")["KeyCount"] == 0


def test_a_full_quota_is_said_clearly(node):
    s3 = node.boto(OTHER_TOKEN, OTHER_TOKEN)
    with pytest.raises(ClientError, match="tartu may hold 3000000 bytes") as refused:
        s3.put_object(Bucket="tartu", Key="x.c4gh", Body=encrypted(noise(4_000_000), node.key()))
    assert refused.value.response["Error"]["Code"] == "QuotaExceeded"


def test_the_same_path_again_is_refused_and_nothing_is_overwritten(node):
    s3 = node.boto()
    data = encrypted(noise(10), node.key())
    first = s3.put_object(Bucket="charite", Key="once.c4gh", Body=data)
    assert (
        s3.put_object(Bucket="charite", Key="once.c4gh", Body=data)["ETag"] == first["ETag"]
    )  # an answer got lost
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket="charite", Key="once.c4gh", Body=encrypted(noise(11), node.key(), 2))
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409


@pytest.mark.parametrize(
    "call, code",
    [
        (lambda s3: s3.get_object(Bucket="charite", Key="once.c4gh"), "AccessDenied"),
        (lambda s3: s3.delete_object(Bucket="charite", Key="once.c4gh"), "AccessDenied"),
        (lambda s3: s3.copy_object(Bucket="charite", Key="b.c4gh", CopySource="charite/a"), "AccessDenied"),
        (lambda s3: s3.get_bucket_acl(Bucket="charite"), "NotImplemented"),
        (lambda s3: s3.put_bucket_versioning(Bucket="charite", VersioningConfiguration={}), "NotImplemented"),
        (lambda s3: s3.delete_bucket(Bucket="charite"), "NotImplemented"),
        (lambda s3: s3.create_bucket(Bucket="charite"), "BucketAlreadyOwnedByYou"),
        (lambda s3: s3.list_parts(Bucket="charite", Key="x", UploadId="0" * 32), "NoSuchUpload"),
        (lambda s3: s3.put_object(Bucket="charite", Key="../x", Body=b"x"), "InvalidArgument"),
        (lambda s3: s3.put_object(Bucket="charite", Key="x.bam.md5", Body=b"x"), "InvalidArgument"),
    ],
)
def test_everything_else_is_refused_in_s3s_own_words(node, call, code):
    with pytest.raises(ClientError) as refused:
        call(node.boto())
    assert refused.value.response["Error"]["Code"] == code


def test_a_body_that_is_not_what_its_checksums_say_is_not_kept(node):
    data, before = encrypted(noise(1000, 14), node.key()), set(node.inbox())
    wrong = {
        "content-md5": base64.b64encode(hashlib.md5(b"x").digest()).decode(),
        "x-amz-checksum-crc32": base64.b64encode(zlib.crc32(b"x").to_bytes(4, "big")).decode(),
        "x-amz-checksum-crc32c": base64.b64encode(b"1234").decode(),
        "x-amz-checksum-crc64nvme": base64.b64encode(b"12345678").decode(),
        "x-amz-content-sha256": sha256(b"x"),
    }
    with node.client() as client:
        for name, value in wrong.items():
            answered = client.put("/s3/charite/wrong.c4gh", content=data, headers={name: value})
            assert answered.status_code == 400, name
            assert ("BadDigest" in answered.text) or ("XAmzContentSHA256Mismatch" in answered.text)
    assert node.file("wrong.c4gh") is None
    assert set(node.inbox()) <= before


def test_a_body_in_unsigned_chunks_with_a_trailer_is_taken(node):
    data = encrypted(noise(200_000, 15), node.key())
    checksum = base64.b64encode(zlib.crc32(data).to_bytes(4, "big"))
    chunked = b"".join(
        b"%x\r\n%b\r\n" % (len(chunk), chunk)
        for chunk in (data[at : at + 65_536] for at in range(0, len(data), 65_536))
    )
    headers = {
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "content-encoding": "aws-chunked",
        "x-amz-decoded-content-length": str(len(data)),
        "x-amz-trailer": "x-amz-checksum-crc32",
    }
    with node.client() as client:
        body = chunked + b"0\r\nx-amz-checksum-crc32:" + checksum + b"\r\n\r\n"
        answered = client.put("/s3/charite/chunks.c4gh", content=body, headers=headers)
        assert answered.status_code == 200, answered.text
        spoilt = body.replace(checksum, b"AAAAAA==")
        refused = client.put("/s3/charite/chunks2.c4gh", content=spoilt, headers=headers)
        assert "BadDigest" in refused.text
    assert node.until("chunks.c4gh", "ready", "error")["state"] == "ready"


def test_listings_are_cut_into_pages_and_grouped_by_the_delimiter(node):
    s3 = node.boto()
    names = [f"pages/{folder}/{number}.c4gh" for folder in "ab" for number in range(3)]
    for name in (*names, "pages/z.c4gh", "pages/ü.c4gh"):
        s3.put_object(Bucket="charite", Key=name, Body=encrypted(noise(5), node.key()))
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket="charite", Prefix="pages/", PaginationConfig={"PageSize": 3}
    )
    found = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    assert found == [*names, "pages/z.c4gh", "pages/ü.c4gh"]
    pages = s3.get_paginator("list_objects").paginate(
        Bucket="charite", Prefix="pages/", Delimiter="/", PaginationConfig={"PageSize": 1}
    )
    groups, keys = [], []
    for page in pages:
        groups += [entry["Prefix"] for entry in page.get("CommonPrefixes", [])]
        keys += [entry["Key"] for entry in page.get("Contents", [])]
    assert (groups, keys) == (["pages/a/", "pages/b/"], ["pages/z.c4gh", "pages/ü.c4gh"])


class S3cmd:
    def __init__(self, node: Receiving, folder: Path) -> None:
        host = node.node.public.removeprefix("http://")
        self._config = folder / "s3cfg"
        self._config.write_text(
            f"[default]\naccess_key = {TOKEN}\nsecret_key = {TOKEN}\nhost_base = {host}/s3\n"
            f"host_bucket = {host}/s3\nuse_https = False\nmultipart_chunk_size_mb = 5\nuse_mime_magic = False\n"
        )

    def __call__(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [
            str(Path(sys.executable).with_name("s3cmd")),
            "-c",
            str(self._config),
            "--no-progress",
            *map(str, arguments),
        ]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def s3cmd(node: Receiving, tmp_path: Path) -> S3cmd:
    return S3cmd(node, tmp_path)


def test_s3cmd_puts_in_one_and_in_many_parts_and_lists(node, s3cmd, large, tmp_path):
    (tmp_path / "small.c4gh").write_bytes(encrypted(noise(1000), node.key()))
    (tmp_path / "large.c4gh").write_bytes(large)
    for name in ("small", "large"):
        put = s3cmd("put", tmp_path / f"{name}.c4gh", f"s3://charite/s3cmd/{name}.c4gh")
        assert put.returncode == 0, put.stderr
        assert node.until(f"s3cmd/{name}.c4gh", "ready", "error")["state"] == "ready"
    listed = s3cmd("ls", "s3://charite/s3cmd/")
    assert f"{len(large)}  s3://charite/s3cmd/large.c4gh" in listed.stdout
    assert "s3://charite" in s3cmd("ls").stdout


def test_s3cmd_goes_on_where_it_was_interrupted(node, s3cmd, large, tmp_path):
    (tmp_path / "broken.c4gh").write_bytes(large)
    target = "s3://charite/s3cmd/broken.c4gh"
    s3, where = node.boto(), {"Bucket": "charite", "Key": "s3cmd/broken.c4gh"}
    id_ = s3.create_multipart_upload(**where)["UploadId"]
    s3.upload_part(**where, UploadId=id_, PartNumber=1, Body=large[:FIVE])
    assert id_ in s3cmd("multipart", "s3://charite").stdout
    again = s3cmd("put", "--continue-put", "--upload-id", id_, tmp_path / "broken.c4gh", target)
    assert again.returncode == 0, again.stderr
    assert "already uploaded" in again.stdout + again.stderr or "skipping" in again.stdout + again.stderr
    assert node.until("s3cmd/broken.c4gh", "ready", "error")["state"] == "ready"


def test_s3cmd_shows_why_a_file_is_refused(s3cmd, tmp_path, node):
    (tmp_path / "plain.vcf").write_text("##fileformat=VCFv4.2\n" * 1000)
    put = s3cmd("put", tmp_path / "plain.vcf", "s3://charite/plain.vcf")
    assert put.returncode != 0
    assert str(node.key()) in put.stderr


FUZZ_ADDRESS = (
    *(
        "/",
        "charite",
        "x.c4gh",
        "%2e%2e",
        "%ff",
        "?",
        "uploads",
        "uploadId=1",
        "partNumber=0",
        "&",
        "list-type=2",
    ),
    *("max-keys=-1", "=", "%", "acl", "continuation-token=%00", "key-marker=a", "prefix=%C3", "partNumber=1"),
)
FUZZ_HEADERS = (
    *("x-amz-content-sha256", "content-md5", "x-amz-trailer", "x-amz-checksum-crc32", "content-encoding"),
    *("x-amz-date", "expect", "x-amz-decoded-content-length", "x-amz-copy-source", "x-amz-meta-sha256"),
    *("x-amz-meta-dataset", "content-type", "x-amz-security-token", "x-amz-checksum-algorithm"),
)
FUZZ_VALUES = (
    *(
        "aws-chunked",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "AAAA",
        "-1",
    ),
    *("AAAAAA==", "\u00ff", "x-amz-checksum-crc32", "20261129T000000Z", "9" * 26, "5", "0" * 64),
)
FUZZ_AUTHORIZATIONS = [b"AWS4-HMAC-SHA256 x", b"AWS a:b", b"Bearer", b"\xff", b"Bearer \xff", b"Basic YTpi"]


def test_no_request_whatever_brings_the_endpoint_down(node):
    fresh = random.Random(20261129)
    with node.client() as client:
        for _ in range(400):
            method = fresh.choice(["GET", "PUT", "POST", "HEAD", "DELETE", "PATCH", "OPTIONS"])
            address = "/s3/" + "".join(fresh.choices(FUZZ_ADDRESS, k=fresh.randrange(6)))
            headers = [
                (fresh.choice(FUZZ_HEADERS), fresh.choice(FUZZ_VALUES).encode("latin-1"))
                for _ in range(fresh.randrange(4))
            ]
            if fresh.random() < 0.3:
                headers.append(("authorization", fresh.choice(FUZZ_AUTHORIZATIONS)))
            body = fresh.randbytes(fresh.choice([0, 10, 3000]))
            answered = client.request(method, address, headers=headers, content=body)
            assert answered.status_code < 500 or answered.status_code == 501, (method, address, headers)
    assert "defect" not in node.node.log.read_text()


def test_a_client_without_credentials_learns_nothing(node):
    anonymous = httpx.get(f"{node.s3_url}/charite?list-type=2", trust_env=False)
    assert (anonymous.status_code, "AccessDenied" in anonymous.text) == (403, True)
    assert anonymous.headers["content-type"] == "application/xml"


def test_uploads_that_nobody_completed_are_ended_by_whoever_keeps_objects_there(node, monkeypatch):
    """A store that tells when an upload began, by pages, and checks who asks: the node's own endpoint."""
    monkeypatch.setattr(unfinished, "_PAGE", 2)
    s3 = node.boto()
    for key in ("kept/bodies/1", "kept/bodies/2", "kept/bodies/3", "kept/else"):
        s3.create_multipart_upload(Bucket="charite", Key=key)
    options = {"endpoint": node.s3_url, "access_key_id": TOKEN, "secret_access_key": TOKEN}
    store = ObjectStorage.at("s3://charite/kept", options, {"allow_http": True})
    now = datetime.now(UTC)

    def drop(age_s: float) -> int:
        return asyncio.run(store.drop_unfinished("bodies", now, timedelta(seconds=age_s)))

    assert (drop(60.0), drop(-60.0), drop(-60.0)) == (0, 3, 0)
    left = s3.list_multipart_uploads(Bucket="charite", Prefix="kept/")["Uploads"]
    assert [each["Key"] for each in left] == ["kept/else"]
    wrong = ObjectStorage.at(
        "s3://charite/kept", options | {"secret_access_key": "wrong"}, {"allow_http": True}
    )
    with pytest.raises(Unavailable, match="403"):
        asyncio.run(wrong.drop_unfinished("bodies", now, timedelta(0)))
