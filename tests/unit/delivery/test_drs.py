"""Objects of the Data Repository Service: what they say, how they are reached, who is told."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from tests.unit.delivery.kit import (
    ADA,
    BASE_PATH,
    DATASET,
    EVE,
    KEY,
    OTHER,
    READER,
    REGIONAL,
    bearer,
    decrypted,
    delivering,
)

from opengdi.kernel.principal import Principal, Tier, Visa
from opengdi.standards.crypt4gh import public_key_text
from opengdi.standards.drs.ids import escape_id, read_uri

FILE = "GDIF-XX-0000000001"
STRANGE = "ark:/12345/a b%"
"""Ids with `/`, `:` and `%` exist in the field."""
CONTENT = b"0123456789" * 20_000


@pytest.fixture
def held(node):
    node.files.hold("GDIF-XX-0000000002", b"b", datasets=[DATASET], file_format="VCF", name="x/NA12878.bam")
    node.files.hold(STRANGE, b"c", datasets=[OTHER])
    return node.files.hold(FILE, CONTENT, datasets=[DATASET], file_format="BAM", name="y/NA12878.bam")


def url(object_id, access=""):
    return f"{BASE_PATH}/objects/{escape_id(object_id)}" + (f"/access/{access}" if access else "")


async def test_a_file_says_size_and_digest_of_the_bytes_at_its_address(node, held):
    async with node.drs_client() as client:
        told = (await client.get(url(FILE), headers=bearer(ADA))).json()
        first = told["access_methods"][0]
        body = (await client.get(first["access_url"]["url"], headers=bearer(ADA))).content
    assert first["type"] == "https"
    assert told["size"] == len(body)
    assert told["checksums"] == [{"type": "sha-256", "checksum": hashlib.sha256(body).hexdigest()}]
    assert held.plain_sha256 not in str(told)


async def test_every_address_of_a_file_gives_the_bytes_that_size_and_digest_are_of(node, held):
    async with node.drs_client() as client:
        told = (await client.get(url(FILE), headers=bearer(ADA))).json()
        addresses = []
        for method in told["access_methods"]:
            if method["type"] == "https" and "access_url" in method:
                signed = await client.get(url(FILE, method["access_id"]), headers=bearer(ADA) | KEY)
                addresses += [method["access_url"]["url"], signed.json()["url"]]
        bodies = [(await client.get(each, headers=bearer(ADA) | KEY)).content for each in addresses]
    assert len(bodies) == 2
    digests = {hashlib.sha256(body).hexdigest() for body in bodies}
    assert {len(body) for body in bodies} == {told["size"]}
    assert [{"type": "sha-256", "checksum": digest} for digest in digests] == told["checksums"]


async def test_the_crypt4gh_file_for_a_key_is_reached_by_its_access_id_and_its_address_is_told(node, held):
    async with node.drs_client() as client:
        told = (await client.get(url(FILE), headers=bearer(ADA))).json()
        (word,) = [word for word in told["description"].split() if word.endswith(f"/files/{FILE}")]
        whole = (await client.get(word, headers=bearer(ADA) | KEY)).content
        signed = (await client.get(url(FILE, "crypt4gh"), headers=bearer(ADA) | KEY)).json()
        granted = (await client.get(signed["url"])).content
    assert decrypted(whole) == decrypted(granted) == CONTENT
    assert len(whole) > told["size"]


async def test_an_access_id_gives_an_address_that_needs_no_token(node, held):
    async with node.drs_client() as client:
        told = (await client.get(url(FILE), headers=bearer(ADA))).json()
        ids = [method["access_id"] for method in told["access_methods"] if "access_id" in method]
        assert ids == ["content", "crypt4gh"]
        content = (await client.get(url(FILE, "content"), headers=bearer(ADA))).json()
        whole = (await client.get(url(FILE, "crypt4gh"), headers=bearer(ADA) | KEY)).json()
        body = (await client.get(content["url"])).content
        assert hashlib.sha256(body).hexdigest() == told["checksums"][0]["checksum"]
        assert decrypted((await client.get(whole["url"])).content) == CONTENT
    assert ADA not in content["url"]


async def test_a_registered_key_serves_where_the_request_names_none(node, held):
    async with node.drs_client() as client:
        without = await client.get(url(FILE, "crypt4gh"), headers=bearer(ADA))
        await client.put("/download/v1/keys", headers=bearer(ADA), content=public_key_text(READER.public))
        with_key = await client.get(url(FILE, "crypt4gh"), headers=bearer(ADA))
        assert decrypted((await client.get(with_key.json()["url"])).content) == CONTENT
    assert without.status_code == 400
    assert "X-C4GH-Public-Key" in without.json()["msg"]


async def test_files_that_htsget_serves_say_so(node, held):
    async with node.drs_client() as client:
        documents = [
            (await client.get(url(name), headers=bearer(ADA))).json()
            for name in (FILE, "GDIF-XX-0000000002", STRANGE)
        ]
    found = [
        [method["access_url"]["url"] for method in document["access_methods"] if method["type"] == "htsget"]
        for document in documents
    ]
    origin = "https://node.example.org/htsget"
    assert found == [[f"{origin}/reads/{FILE}"], [f"{origin}/variants/GDIF-XX-0000000002"], []]


async def test_expand_may_be_written_as_python_writes_it(node, held):
    async with node.drs_client() as client:
        asked = [
            await client.get(url(DATASET), params={"expand": word}, headers=bearer(ADA))
            for word in ("true", "True", "False")
        ]
    assert [answer.status_code for answer in asked] == [200] * 3


async def test_a_dataset_is_a_bundle_of_its_files(node, held):
    async with node.drs_client() as client:
        told = (await client.get(url(DATASET), headers=bearer(ADA))).json()
        expanded = (await client.get(url(DATASET), params={"expand": "true"}, headers=bearer(ADA))).json()
        members = [
            (await client.get(url(member["id"]), headers=bearer(ADA))).json() for member in told["contents"]
        ]
        access = await client.get(url(DATASET, "content"), headers=bearer(ADA))
    assert expanded == told
    assert [member["name"] for member in told["contents"]] == ["NA12878.bam.c4gh", "2-NA12878.bam.c4gh"]
    assert told["size"] == sum(member["size"] for member in members)
    digests = sorted(member["checksums"][0]["checksum"] for member in members)
    assert told["checksums"][0]["checksum"] == hashlib.sha256("".join(digests).encode()).hexdigest()
    assert access.status_code == 403  # no bytes of its own: told like what is not there


async def test_every_published_uri_leads_to_the_object_that_published_it(node, held):
    async with node.drs_client() as client:
        for object_id in (FILE, STRANGE, DATASET, OTHER):
            told = (await client.get(url(object_id), headers=bearer(ADA))).json()
            uris = [told["self_uri"], *(uri for part in told.get("contents", ()) for uri in part["drs_uri"])]
            for uri in uris:
                host, found = read_uri(uri)
                path = f"https://{host}{BASE_PATH}/objects/{uri.removeprefix(f'drs://{host}/')}"
                answer = await client.get(path, headers=bearer(ADA))
                assert (answer.json()["id"], answer.json()["self_uri"]) == (found, uri)


@pytest.mark.parametrize("object_id", [OTHER, "a/b://c"])
async def test_an_id_with_slashes_is_found_encoded_or_not(node, object_id):
    node.files.hold(object_id, b"x", datasets=[DATASET])
    async with node.drs_client() as client:
        for sent in (escape_id(object_id), object_id):
            answer = await client.get(f"{BASE_PATH}/objects/{sent}", headers=bearer(ADA))
            assert answer.json()["id"] == object_id
            answer = await client.get(f"{BASE_PATH}/objects/{sent}/access/content", headers=bearer(ADA))
            assert answer.status_code == 200


def without_id(answer):
    return (
        answer.status_code,
        {k: v for k, v in answer.headers.items() if k != "x-request-id"},
        answer.content,
    )


@pytest.mark.parametrize("access", ["", "content", "crypt4gh", "nothing"])
async def test_what_is_not_there_and_what_may_not_be_had_are_told_alike(node, held, access):
    async with node.drs_client() as client:
        for sent, status in ((KEY, 401), (bearer(EVE) | KEY, 403)):
            answers = [
                without_id(await client.get(url(name, access), headers=sent))
                for name in (FILE, DATASET, "GDIF-XX-0000000009", "GDI-XX-NONE-1")
            ]
            assert answers[0][0] == status
            assert answers == answers[:1] * 4


async def test_an_access_id_that_a_reached_file_does_not_have_is_not_found(node, held):
    async with node.drs_client() as client:
        answer = await client.get(url(FILE, "s3"), headers=bearer(ADA))
    assert answer.status_code == 404
    assert answer.json() == {"msg": "There is no such resource.", "status_code": 404}


async def test_who_may_have_regions_is_shown_htsget_alone(node, held):
    node.files.hold("TEXT", b"x", datasets=[DATASET])
    async with node.drs_client() as client:
        told = (await client.get(url(FILE), headers=bearer(REGIONAL))).json()
        assert [method["type"] for method in told["access_methods"]] == ["htsget"]
        for access in ("content", "crypt4gh"):
            answer = await client.get(url(FILE, access), headers=bearer(REGIONAL) | KEY)
            assert answer.status_code == 403
        assert (await client.get(url("TEXT"), headers=bearer(REGIONAL))).status_code == 403


async def test_open_data_are_everybodys(tmp_path):
    with delivering(tmp_path, public=(Visa(DATASET),)) as node:
        node.files.hold(FILE, CONTENT, datasets=[DATASET])
        async with node.drs_client() as client:
            told = (await client.get(url(FILE))).json()
            access = (await client.get(url(FILE, "content"))).json()
            assert len((await client.get(access["url"])).content) == told["size"]
            other = await client.get(url("GDIF-XX-0000000009"))
    assert told["access_methods"][0]["authorizations"]["supported_types"] == ["None"]
    assert other.status_code == 401


async def test_many_objects_are_told_at_once_with_a_reason_for_each_that_is_not(node, held):
    async with node.drs_client() as client:
        body = {"bulk_object_ids": [FILE, "GDIF-XX-0000000009", DATASET]}
        answer = await client.post(f"{BASE_PATH}/objects", json=body, headers=bearer(ADA))
        nobody = await client.post(f"{BASE_PATH}/objects", json=body)
        single = (await client.get(url(FILE), headers=bearer(ADA))).json()
    told = answer.json()
    assert told["summary"] == {"requested": 3, "resolved": 2, "unresolved": 1}
    assert told["unresolved_drs_objects"] == [{"error_code": 403, "object_ids": ["GDIF-XX-0000000009"]}]
    assert told["resolved_drs_object"][0] == single
    assert nobody.status_code == 401


async def test_many_addresses_are_told_at_once(node, held):
    wanted = [{"bulk_object_id": FILE, "bulk_access_ids": ["content", "crypt4gh", "s3"]}]
    body = {"bulk_object_access_ids": wanted}
    async with node.drs_client() as client:
        answer = await client.post(f"{BASE_PATH}/objects/access", json=body, headers=bearer(ADA) | KEY)
        told = answer.json()
        found = {one["drs_access_id"]: one["url"] for one in told["resolved_drs_object_access_urls"]}
        assert decrypted((await client.get(found["crypt4gh"])).content) == CONTENT
    assert told["summary"] == {"requested": 3, "resolved": 2, "unresolved": 1}
    assert told["unresolved_drs_objects"] == [{"error_code": 404, "object_ids": [FILE]}]


async def test_more_than_the_limit_is_too_much(node, held):
    ids = {"bulk_object_ids": [FILE] * 6}
    pairs = {"bulk_object_access_ids": [{"bulk_object_id": FILE, "bulk_access_ids": ["content"] * 6}]}
    async with node.drs_client() as client:
        answers = [
            await client.post(f"{BASE_PATH}/objects", json=ids, headers=bearer(ADA)),
            await client.request("OPTIONS", f"{BASE_PATH}/objects", json=ids),
            await client.post(f"{BASE_PATH}/objects/access", json=pairs, headers=bearer(ADA)),
        ]
    assert [answer.status_code for answer in answers] == [413] * 3
    assert answers[0].json()["status_code"] == 413


async def test_options_tells_how_to_prove_who_one_is_and_not_what_is_there(node, held):
    async with node.drs_client() as client:
        answers = [await client.options(url(name)) for name in (FILE, "GDIF-XX-0000000009")]
        many = await client.request(
            "OPTIONS", f"{BASE_PATH}/objects", json={"bulk_object_ids": [FILE, "nothing"]}
        )
    assert [answer.json() for answer in answers] == [
        {"drs_object_id": name, "supported_types": ["BearerAuth"]} for name in (FILE, "GDIF-XX-0000000009")
    ]
    assert len(many.json()["resolved_drs_object"]) == 2


async def test_a_preflight_of_a_browser_is_no_question_about_authorizations(node, held):
    async with node.drs_client() as client:
        sent = {"Origin": "https://portal", "Access-Control-Request-Method": "POST"}
        answer = await client.options(url(FILE), headers=sent)
        plain = await client.get(url(FILE), headers=bearer(ADA) | {"Origin": "https://portal"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-methods"] == "GET, HEAD, POST, OPTIONS"
    assert plain.headers["access-control-allow-origin"] == "https://portal"


class KnownPassports:
    """A verifier that believes one passport, of somebody with a visa."""

    issuers = ("https://broker.example.org",)

    async def holder(self, passports, asker):
        assert passports == ("good",)
        return Principal("passport:ada", Tier.CONTROLLED, visas=(Visa(DATASET),))


async def test_a_passport_opens_what_its_visas_say(node, held):
    async with node.drs_client(KnownPassports()) as client:
        told = await client.post(url(FILE), json={"passports": ["good"], "expand": True})
        access = await client.post(url(FILE, "content"), json={"passports": ["good"]})
        many = await client.post(
            f"{BASE_PATH}/objects", json={"passports": ["good"], "bulk_object_ids": [FILE, OTHER]}
        )
        how = (await client.options(url(FILE))).json()
    assert told.json()["id"] == FILE
    assert access.status_code == 200
    assert many.json()["summary"] == {"requested": 2, "resolved": 1, "unresolved": 1}
    assert how["supported_types"] == ["BearerAuth", "PassportAuth"]
    assert how["passport_auth_issuers"] == ["https://broker.example.org"]


async def test_a_passport_that_nobody_can_check_is_refused_even_beside_a_good_token(node, held):
    bodies = [
        (url(FILE), {"passports": ["x"]}),
        (url(FILE, "content"), {"passports": ["x"]}),
        (f"{BASE_PATH}/objects", {"passports": ["x"], "bulk_object_ids": [FILE]}),
        (f"{BASE_PATH}/objects/access", {"passports": ["x"], "bulk_object_access_ids": []}),
    ]
    async with node.drs_client() as client:
        for path, body in bodies:
            answer = await client.post(path, json=body, headers=bearer(ADA))
            assert answer.status_code == 401
            assert "passports" in answer.json()["msg"]


async def test_a_bearer_token_serves_in_a_post_too(node, held):
    async with node.drs_client() as client:
        told = await client.post(url(FILE), json={}, headers=bearer(ADA))
        access = await client.post(url(FILE, "content"), json={"passports": []}, headers=bearer(ADA))
    assert (told.status_code, access.status_code) == (200, 200)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", url(FILE), 405),
        ("DELETE", f"{BASE_PATH}/objects", 405),
        ("POST", f"{BASE_PATH}/service-info", 405),
        ("GET", f"{BASE_PATH}/objects", 405),
        ("GET", f"{BASE_PATH}/objects/", 404),
        ("GET", f"{BASE_PATH}/nothing", 404),
        ("GET", BASE_PATH, 404),
        ("GET", f"{BASE_PATH}/objects/%zz", 400),
        ("GET", f"{url(FILE)}?expand=perhaps", 400),
        ("POST", url(FILE), 400),
        ("HEAD", url(FILE), 200),
    ],
)
async def test_other_requests_fail_in_the_form_of_the_standard(node, held, method, path, status):
    async with node.drs_client() as client:
        answer = await client.request(method, path, headers=bearer(ADA))
    assert answer.status_code == status
    assert method == "HEAD" or answer.json()["status_code"] == status


async def test_service_info_says_what_it_is_and_no_totals(node, held):
    async with node.drs_client() as client:
        told = (await client.get(f"{BASE_PATH}/service-info")).json()
    assert told["type"] == {"group": "org.ga4gh", "artifact": "drs", "version": "1.5.0"}
    assert told["drs"] == {"maxBulkRequestLength": 5}
    assert told["maxBulkRequestLength"] == 5


async def test_totals_are_told_where_the_operator_wants_it(node, held):
    api = node.drs_api()
    api._profile = replace(api._profile, tells_totals=True)
    async with node.client({BASE_PATH: api}) as client:
        told = (await client.get(f"{BASE_PATH}/service-info")).json()
    assert told["drs"]["objectCount"] == 3
    assert told["drs"]["totalObjectSize"] == held.body_bytes + 2 * 29


async def test_an_address_that_was_given_is_written_down(node, held):
    async with node.drs_client() as client:
        await client.get(url(FILE, "content"), headers=bearer(ADA))
    action, actor, _, objects = node.audit.lines[-1]
    assert (action, actor, objects) == ("drs.access", "ada", (f"file:{FILE}", "what:content"))
