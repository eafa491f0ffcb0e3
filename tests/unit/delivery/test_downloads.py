"""Whole files, headers and bodies by range, and who gets none of them."""

from __future__ import annotations

import asyncio
import json
import os
import random
from datetime import timedelta

import pytest
from tests.unit.delivery.kit import ADA, BASE, DATASET, EVE, KEY, OTHER, READER, REGIONAL, bearer, decrypted

from opengdi.delivery.streams import ENDED
from opengdi.kernel.audit.chain import Outcome
from opengdi.kernel.errors import Unavailable
from opengdi.kernel.principal import Principal, Visa
from opengdi.standards.crypt4gh import EditList, PrivateKey, public_key_text

CONTENT = random.Random(4).randbytes(300_000)
FILE = "GDIF-XX-0000000001"
URL = f"{BASE}/files/{FILE}"
ASKING = bearer(ADA) | KEY
SOMEBODY = Principal("ada", visas=(Visa(DATASET), Visa(OTHER)), logged_in=True)


@pytest.fixture
def held(node):
    return node.files.hold(FILE, CONTENT, datasets=[DATASET], name="samples/NA 12878.bam", data_keys=2)


async def test_a_whole_file_decrypts_with_the_reference_reader(node, held):
    async with node.client() as client:
        answer = await client.get(URL, headers=ASKING)
    assert answer.status_code == 200
    assert decrypted(answer.content) == CONTENT
    assert answer.headers["content-disposition"] == 'attachment; filename="NA_12878.bam.c4gh"'
    assert answer.headers["accept-ranges"] == "bytes"
    assert int(answer.headers["content-length"]) == len(answer.content)


async def test_an_edit_list_of_the_provider_goes_with_the_file(node):
    node.files.hold(FILE, CONTENT, datasets=[DATASET], edit_list=EditList((10, 1000)))
    async with node.client() as client:
        answer = await client.get(URL, headers=ASKING)
    assert decrypted(answer.content) == CONTENT[10:1010]


async def test_header_and_content_are_the_whole(node, held):
    async with node.client() as client:
        whole, header, content = [
            await client.get(URL + part, headers=ASKING) for part in ("", "/header", "/content")
        ]
    assert whole.content == header.content + content.content
    assert header.headers["sda-content-etag"] == content.headers["etag"]
    assert "accept-ranges" not in header.headers


async def test_the_content_is_the_stored_body_byte_for_byte(node, held):
    stored = b"".join([piece async for piece in node.files.read_body(held, 0, held.body_bytes)])
    async with node.client() as client:
        for _ in range(40):
            first, last = sorted(random.Random(os.urandom(8)).choices(range(held.body_bytes), k=2))
            headers = bearer(ADA) | {"Range": f"bytes={first}-{last}"}
            answer = await client.get(f"{URL}/content", headers=headers)
            assert answer.status_code == 206
            assert answer.content == stored[first : last + 1]
            assert answer.headers["content-range"] == f"bytes {first}-{last}/{held.body_bytes}"


async def test_an_interrupted_download_goes_on_and_decrypts(node, held):
    """Peers give each request a fresh header, so theirs does not."""
    async with node.client() as client:
        first = await client.get(URL, headers=ASKING)
        taken = first.content[:200_001]
        going_on = {"Range": f"bytes={len(taken)}-", "If-Range": first.headers["etag"]}
        rest = await client.get(URL, headers=ASKING | going_on)
    assert rest.status_code == 206
    assert rest.headers["etag"] == first.headers["etag"]
    assert decrypted(taken + rest.content) == CONTENT


async def test_a_range_may_begin_in_the_header(node, held):
    async with node.client() as client:
        whole = (await client.get(URL, headers=ASKING)).content
        for span in ((0, 15), (10, 500), (0, len(whole) - 1), (len(whole) - 1, len(whole) - 1)):
            part = await client.get(URL, headers=ASKING | {"Range": f"bytes={span[0]}-{span[1]}"})
            assert part.content == whole[span[0] : span[1] + 1]
        suffix = await client.get(URL, headers=ASKING | {"Range": "bytes=-5"})
    assert suffix.content == whole[-5:]


async def test_another_recipient_or_a_later_pin_does_not_go_on_with_foreign_bytes(node, held):
    other = PrivateKey(os.urandom(32))
    async with node.client() as client:
        mine = await client.get(URL, headers=ASKING)
        theirs = await client.get(URL, headers=bearer(ADA) | {"X-C4GH-Public-Key": str(other.public)})
        node.clock.advance(3600)
        going_on = {"Range": "bytes=5-", "If-Range": mine.headers["etag"]}
        later = await client.get(URL, headers=ASKING | going_on)
    assert mine.headers["etag"] != theirs.headers["etag"]
    assert decrypted(theirs.content, other) == CONTENT
    assert later.status_code == 200  # If-Range: the pin is over, so the whole file comes again
    assert decrypted(later.content) == CONTENT


async def test_downloads_that_begin_together_get_one_header(node, held):
    async with node.client() as client:
        answers = await asyncio.gather(*(client.get(f"{URL}/header", headers=ASKING) for _ in range(4)))
    assert len({answer.content for answer in answers}) == 1


async def test_head_tells_what_get_would(node, held):
    async with node.client() as client:
        for part in ("", "/header", "/content"):
            got = await client.get(URL + part, headers=ASKING)
            head = await client.head(URL + part, headers=ASKING | {"Range": "bytes=0-1"})
            assert head.status_code == 200
            assert head.content == b""
            told = {name: value for name, value in head.headers.items() if name != "x-request-id"}
            assert told == {name: value for name, value in got.headers.items() if name != "x-request-id"}
    assert node.files.bytes_read == 2 * held.body_bytes  # HEAD reads nothing


async def test_an_empty_file_is_a_file(node):
    node.files.hold(FILE, b"", datasets=[DATASET])
    async with node.client() as client:
        whole, content = [await client.get(URL + part, headers=ASKING) for part in ("", "/content")]
        part = await client.get(f"{URL}/content", headers=ASKING | {"Range": "bytes=0-"})
    assert decrypted(whole.content) == b""
    assert (content.status_code, content.content) == (200, b"")
    assert part.status_code == 416


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"Range": "bytes=5-2"}, 400, "RANGE_INVALID"),
        ({"Range": "bytes=0-1,3-4"}, 400, "RANGE_INVALID"),
        ({"Range": "bytes=99999999-"}, 416, "RANGE_NOT_SATISFIABLE"),
        ({"X-C4GH-Public-Key": ""}, 400, "KEY_INVALID"),
        ({"X-C4GH-Public-Key": "AAAA"}, 400, "KEY_INVALID"),
        ({"X-C4GH-Public-Key": "A" * 43 + "="}, 400, "KEY_INVALID"),  # of small order
        ({"Htsget-Context-Public-Key": KEY["X-C4GH-Public-Key"]}, 400, "KEY_CONFLICT"),
    ],
)
async def test_a_wrong_request_gets_the_word_that_clients_know(node, held, sent, status, code):
    async with node.client() as client:
        answer = await client.get(URL, headers=ASKING | sent)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert (told["status"], told["errorCode"]) == (status, code)
    assert told["correlationId"]
    assert ("content-range" in answer.headers) is (status == 416)


async def test_without_a_key_only_the_content_is_given(node, held):
    async with node.client() as client:
        for part, status in (("", 400), ("/header", 400), ("/content", 200)):
            answer = await client.get(URL + part, headers=bearer(ADA))
            assert answer.status_code == status
            assert status == 200 or answer.json()["errorCode"] == "KEY_MISSING"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (public_key_text(READER.public), "text/plain"),
        (str(READER.public), "text/plain"),
        (json.dumps({"publicKey": str(READER.public)}), "application/json"),
    ],
)
async def test_a_registered_key_is_used_where_none_is_named(node, held, body, content_type):
    async with node.client() as client:
        none = await client.get(f"{BASE}/keys", headers=bearer(ADA))
        sent = {"Content-Type": content_type} | bearer(ADA)
        put = await client.put(f"{BASE}/keys", headers=sent, content=body)
        found = await client.get(f"{BASE}/keys", headers=bearer(ADA))
        whole = await client.get(URL, headers=bearer(ADA))
        gone = await client.delete(f"{BASE}/keys", headers=bearer(ADA))
        after = await client.get(URL, headers=bearer(ADA))
    assert none.status_code == 404
    assert (
        put.json()
        == found.json()
        == {
            "publicKey": str(READER.public),
            "registered": "2026-01-01T00:00:00+00:00",
        }
    )
    assert decrypted(whole.content) == CONTENT
    assert (gone.status_code, after.status_code) == (204, 400)


@pytest.mark.parametrize("body", ["", "x", "{}", "{", '{"publicKey": 1}'])
async def test_a_key_that_is_none_is_not_registered(node, body):
    async with node.client() as client:
        answer = await client.put(f"{BASE}/keys", headers=bearer(ADA), content=body)
    assert answer.status_code == 400


async def test_a_stranger_registers_no_key(node):
    async with node.client() as client:
        for method in ("GET", "PUT", "DELETE"):
            assert (await client.request(method, f"{BASE}/keys")).status_code == 401


def without_ids(answer):
    """What an answer tells, but for its own id."""
    told = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
    body = answer.json()
    body.pop("correlationId")
    return answer.status_code, told, body


@pytest.mark.parametrize("part", ["", "/header", "/content"])
async def test_what_is_not_there_and_what_may_not_be_had_are_told_alike(node, held, part):
    async with node.client() as client:
        for sent, status in ((KEY, 401), (bearer(EVE) | KEY, 403)):
            there, absent = [
                await client.get(f"{BASE}/files/{name}{part}", headers=sent)
                for name in (FILE, "GDIF-XX-0000000002")
            ]
            assert without_ids(there) == without_ids(absent)
            assert there.status_code == status
    assert node.files.bytes_read == 0


async def test_who_may_have_regions_gets_no_byte(node, held):
    async with node.client() as client:
        for path in (URL, f"{URL}/header", f"{URL}/content", f"{BASE}/datasets/{DATASET}/files"):
            answer = await client.get(path, headers=bearer(REGIONAL) | KEY)
            assert answer.status_code == 403
        listed = await client.get(f"{BASE}/datasets", headers=bearer(REGIONAL))
    assert listed.json()["datasets"] == []
    assert node.files.bytes_read == 0


async def test_the_token_may_come_where_clients_of_s3_put_it(node, held):
    async with node.client() as client:
        answer = await client.get(URL, headers={"X-Amz-Security-Token": ADA} | KEY)
        wrong = await client.get(URL, headers={"X-Amz-Security-Token": "x"} | KEY)
    assert (answer.status_code, wrong.status_code) == (200, 401)


async def test_a_signed_address_needs_no_token_and_takes_no_other(node, held):
    content = f"{BASE}/granted/{node.grants.content(SOMEBODY, held)}"
    whole = f"{BASE}/granted/{node.grants.whole(SOMEBODY, held, READER.public)}"
    async with node.client() as client:
        part = await client.get(content, headers={"Range": "bytes=10-19"})
        assert (part.status_code, len(part.content)) == (206, 10)
        assert decrypted((await client.get(whole)).content) == CONTENT
        assert (await client.get(whole, headers=bearer(ADA))).status_code == 200
        assert (await client.get(whole, headers=bearer(EVE))).status_code == 403
        assert (await client.get(whole, headers=bearer("x"))).status_code == 401
        assert (await client.get(f"{content[:-4]}AAAA")).status_code == 403
        node.clock.advance(61)
        assert (await client.get(content)).status_code == 403


async def test_a_signed_address_ends_with_the_visa(node, held):
    visas = (Visa(DATASET, until=node.clock.now() + timedelta(seconds=10)),)
    brief = Principal("brief", visas=visas)
    content = f"{BASE}/granted/{node.grants.content(brief, held)}"
    async with node.client() as client:
        node.clock.advance(9)
        assert (await client.get(content)).status_code == 200
        node.clock.advance(1)
        assert (await client.get(content)).status_code == 403


async def test_a_file_that_was_withdrawn_is_not_given_by_an_old_address(node, held):
    content = f"{BASE}/granted/{node.grants.content(SOMEBODY, held)}"
    node.files.drop(FILE)
    async with node.client() as client:
        assert (await client.get(content)).status_code == 403


async def test_the_audit_chain_tells_what_went_to_whom(node, held):
    async with node.client() as client:
        await client.get(f"{URL}/content", headers=bearer(ADA) | {"Range": "bytes=0-9"})
    assert node.audit.lines[-1] == (
        ENDED,
        "ada",
        Outcome.DONE,
        (f"file:{FILE}", "what:content", "bytes:10"),
    )


async def test_a_body_that_breaks_off_is_written_down_as_failed(node, held, monkeypatch):
    whole_body = node.files.read_body

    async def broken(file, first, stop):
        async for piece in whole_body(file, first, stop):
            yield piece
            raise Unavailable("the store failed")

    monkeypatch.setattr(node.files, "read_body", broken)
    async with node.client() as client:
        with pytest.raises(ConnectionAbortedError):  # as the server sees it: the caller's connection is cut
            await client.get(f"{URL}/content", headers=bearer(ADA))
    assert node.audit.lines[-1][2] is Outcome.FAILED
    assert node.audit.lines[-1][3][-1] == "bytes:100000"


async def test_lists_come_in_pages(node):
    for number in range(7):
        node.files.hold(
            f"F{number}", b"x" * number, datasets=[DATASET], name=f"{'ab'[number % 2]}/{number}.bam"
        )
    node.files.hold("G", b"", datasets=[OTHER], name="g")
    async with node.client() as client:

        async def walk(path, **query):
            found, token = [], None
            while True:
                more = {"pageToken": token} if token else {}
                answer = await client.get(path, params=query | more, headers=bearer(ADA))
                assert answer.status_code == 200, answer.text
                token = answer.json().pop("nextPageToken")
                found.append(next(value for value in answer.json().values() if isinstance(value, list)))
                if token is None:
                    return found

        files = f"{BASE}/datasets/{DATASET}/files"
        pages = await walk(files, pageSize=3)
        assert [[file["fileId"] for file in page] for page in pages] == [
            ["F0", "F1", "F2"],
            ["F3", "F4", "F5"],
            ["F6"],
        ]
        assert pages[2][0] == {
            "fileId": "F6",
            "filePath": "a/6.bam.c4gh",
            "size": 34,
            "decryptedSize": 6,
            "checksums": [{"type": "sha256", "checksum": (await node.files.find("F6")).plain_sha256}],
            "downloadUrl": f"{BASE}/files/F6",
        }
        assert [len(page) for page in await walk(files, pageSize=3, pathPrefix="b/")] == [3]
        assert [len(page) for page in await walk(files, filePath="b/1.bam")] == [1]
        assert [len(page) for page in await walk(files, filePath="b/1.bam.c4gh")] == [1]
        assert await walk(files, filePath="nothing") == [[]]
        assert await walk(f"{BASE}/datasets", pageSize=1) == [[DATASET], [OTHER]]


async def test_a_dataset_whose_id_is_an_address_is_one_segment(node):
    node.files.hold("G", b"x", datasets=[OTHER], name="g")
    path = f"{BASE}/datasets/https%3A%2F%2Fdoi.org%2F10.5555%2Fother"
    async with node.client() as client:
        answer = await client.get(path, headers=bearer(ADA))
        files = await client.get(f"{path}/files", headers=bearer(ADA))
    assert answer.json() == {
        "datasetId": OTHER,
        "date": "2026-01-01T00:00:00+00:00",
        "files": 1,
        "size": 29,
    }
    assert files.json()["files"][0]["fileId"] == "G"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"pageSize": "0"}, "INVALID_PAGE_SIZE"),
        ({"pageSize": "1001"}, "INVALID_PAGE_SIZE"),
        ({"pageSize": "x"}, "INVALID_PAGE_SIZE"),
        ({"pageSize": "000001999"}, "INVALID_PAGE_SIZE"),
        ({"pageSize": "0" * 5000 + "1"}, "INVALID_PAGE_SIZE"),
        ({"pageToken": "x"}, "INVALID_PAGE_TOKEN"),
        ({"pageToken": "é"}, "INVALID_PAGE_TOKEN"),
        ({"filePath": "a", "pathPrefix": "b"}, "FILTER_CONFLICT"),
        ({"filePath": " "}, "INVALID_FILE_PATH"),
        ({"filePath": ".c4gh"}, "INVALID_FILE_PATH"),
        ({"pathPrefix": "/a"}, "INVALID_FILE_PATH"),
    ],
)
async def test_a_wrong_question_for_a_list_gets_its_word(node, held, query, code):
    async with node.client() as client:
        answer = await client.get(f"{BASE}/datasets/{DATASET}/files", params=query, headers=bearer(ADA))
    assert (answer.status_code, answer.json()["errorCode"]) == (400, code)


async def test_a_page_token_serves_its_own_list_only(node):
    for name in ("F1", "F2"):
        node.files.hold(name, b"", datasets=[DATASET], name=name)
    files = f"{BASE}/datasets/{DATASET}/files"
    async with node.client() as client:
        first = await client.get(files, params={"pageSize": 1}, headers=bearer(ADA))
        token = first.json()["nextPageToken"]
        for query in ({"pageSize": 2}, {"pageSize": 1, "pathPrefix": "F"}):
            answer = await client.get(files, params=query | {"pageToken": token}, headers=bearer(ADA))
            assert answer.json()["errorCode"] == "INVALID_PAGE_TOKEN"


async def test_lists_hide_what_a_caller_may_not_have(node, held):
    async with node.client() as client:
        assert (await client.get(f"{BASE}/datasets")).status_code == 401
        assert (await client.get(f"{BASE}/datasets", headers=bearer(EVE))).json()["datasets"] == []
        for dataset in (DATASET, "GDI-XX-NONE-1"):
            for path in (dataset, f"{dataset}/files"):
                answer = await client.get(f"{BASE}/datasets/{path}", headers=bearer(EVE))
                assert answer.status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", URL, 405),
        ("DELETE", f"{URL}/content", 405),
        ("GET", f"{BASE}/nothing", 404),
        ("GET", f"{BASE}/datasets/{DATASET}/nothing", 404),
        ("GET", f"{BASE}/files/%zz", 400),
        ("GET", f"{BASE}/files/", 400),
        ("OPTIONS", URL, 204),
    ],
)
async def test_other_methods_and_paths(node, held, method, path, status):
    async with node.client() as client:
        assert (await client.request(method, path, headers=ASKING)).status_code == status


async def test_a_page_of_an_allowed_origin_may_read(node, held):
    asking = {"Origin": "https://portal", "Access-Control-Request-Method": "GET"}
    async with node.client() as client:
        preflight = await client.options(URL, headers=asking | {"Access-Control-Request-Headers": "range"})
        answer = await client.get(f"{URL}/content", headers=bearer(ADA) | {"Origin": "https://portal"})
        other = await client.get(f"{URL}/content", headers=bearer(ADA) | {"Origin": "https://elsewhere"})
    assert preflight.headers["access-control-allow-headers"] == "range"
    assert answer.headers["access-control-allow-origin"] == "https://portal"
    assert "access-control-allow-origin" not in other.headers
