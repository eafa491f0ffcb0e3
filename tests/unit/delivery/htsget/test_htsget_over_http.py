"""Tickets and data over HTTP: what is asked, answered, refused, and written down."""

from __future__ import annotations

import base64
import io
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import crypt4gh.lib
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.htsget_kit import (
    ADA,
    BASE,
    DATASET,
    ENCRYPTED,
    EVE,
    KEY,
    READER,
    REGIONAL,
    Delivering,
    ask,
    bearer,
    block,
    fetch,
)
from tests.indexed_files import IndexedFile, na12878, read_records, synthetic_variants, thousand_genomes

from opengdi.delivery.htsget.model import Mode
from opengdi.delivery.htsget.rules import Policy, holds_until
from opengdi.kernel.audit.chain import Outcome
from opengdi.kernel.principal import Principal, Visa
from opengdi.standards.coordinates import Interval
from opengdi.standards.crypt4gh import Header, open_header, public_key_text

WINDOW = ("11", 5_015_000, 5_050_000)
ASKED = {"referenceName": WINDOW[0], "start": WINDOW[1], "end": WINDOW[2]}
TICKET_TYPE = "application/vnd.ga4gh.htsget.v1.3.0+json; charset=utf-8"


@pytest.fixture(scope="session")
def bam(shared) -> IndexedFile:
    return na12878(shared, "BAM")


@pytest.fixture(scope="session")
def vcf(shared, tmp_path_factory) -> IndexedFile:
    return thousand_genomes(shared, tmp_path_factory.mktemp("vcf"), "VCF")


@pytest.fixture(scope="session")
def bcf(shared, tmp_path_factory) -> IndexedFile:
    return thousand_genomes(shared, tmp_path_factory.mktemp("bcf"), "BCF", people=40)


@pytest.fixture
def node(bam, shared, vcf) -> Delivering:
    return filled_node(Delivering(), bam, na12878(shared, "CRAM"), vcf)


def filled_node(node: Delivering, bam: IndexedFile, cram: IndexedFile, vcf: IndexedFile) -> Delivering:
    for name, file in {"bam": bam, "cram": cram, "vcf": vcf, "sub/folder/x.bam": bam}.items():
        node.files.hold(name, file.data, file_format=file.format, index=file.index)
    node.files.hold("hidden", bam.data, file_format="BAM", index=bam.index, datasets=["GDI-XX-OTHER-1"])
    node.files.hold("text", b"readme", file_format="")
    return node


def decrypted(data: bytes) -> bytes:
    plain = io.BytesIO()
    crypt4gh.lib.decrypt([(0, READER.reveal(), None)], io.BytesIO(data), plain)
    return plain.getvalue()


def overlapping(file_format: str, data: bytes, window) -> list:
    return [record for record in read_records(file_format, data) if record.overlaps(*window)]


async def error_of(client, path: str, **asked) -> tuple[int, str]:
    answer = await ask(client, path, **asked)
    document = json.loads(answer.content)
    assert set(document["htsget"]) == {"error", "message"}
    assert answer.headers["content-type"] == "application/json"
    return answer.status_code, document["htsget"]["error"]


# -- tickets ---------------------------------------------------------------------------------------------------


async def test_a_ticket_has_the_form_of_the_standard(node):
    async with node.client() as client:
        answer = await ask(client, "reads/bam", **ASKED)
        assert answer.headers["content-type"] == TICKET_TYPE
        assert answer.content.startswith(b'{"htsget":')
        assert "content-encoding" not in answer.headers
        ticket = answer.json()["htsget"]
        assert ticket["format"] == "BAM"
        assert [url["class"] for url in ticket["urls"]] == ["header", "body", "body"]


async def test_get_and_post_give_the_same_records(node, bam):
    async with node.client() as client:
        got = await fetch(client, "reads/bam", **ASKED)
        posted = await fetch(client, "reads/bam", body={"regions": [ASKED]})
    assert got.data == posted.data
    assert overlapping("BAM", got.data, WINDOW) == bam.region(*WINDOW)


async def test_an_id_may_hold_slashes_written_either_way(node, bam):
    async with node.client() as client:
        for path in ("reads/sub/folder/x.bam", "reads/sub%2Ffolder%2Fx.bam"):
            assert (await fetch(client, path)).data == bam.data


async def test_sda_cli_names_a_file_by_its_dataset_and_path(node, bam):
    pem = public_key_text(READER.public)
    key = {"Htsget-Context-Public-Key": base64.b64encode(pem.encode()).decode()}
    node.files.hold("GDIF-XX-1", bam.data, file_format="BAM", index=bam.index, name="run/x.bam")
    node.files.hold("GDIF-XX-2", bam.data, file_format="BAM", name="x.bam", datasets=["GDI-XX-OTHER-1"])
    async with node.client() as client:
        for path in ("run/x.bam", "run/x.bam.c4gh"):
            found = await fetch(client, f"reads/{DATASET}/{path}", headers=key, encryptionScheme="C4GH")
            assert decrypted(found.data) == bam.data
        refused = (403, "PermissionDenied")
        assert await error_of(client, f"reads/{DATASET}/x.bam") == refused
        assert await error_of(client, "reads/GDI-XX-OTHER-1/x.bam") == refused
        assert await error_of(client, "reads/GDI-XX-NOWHERE-1/x.bam") == refused


async def test_a_dataset_whose_id_is_an_address_is_named_as_it_is(bam):
    doi = "https://doi.org/10.1234/genomes"
    node = Delivering(open_datasets=(doi,))
    node.files.hold("GDIF-XX-1", bam.data, file_format="BAM", name="run/x.bam", datasets=[doi])
    async with node.client() as client:
        for path in (f"{doi}/run/x.bam", f"{quote(doi, safe='')}/run/x.bam.c4gh"):
            assert (await fetch(client, f"reads/{path}")).data == bam.data
        assert await error_of(client, f"reads/{doi}/run/y.bam") == (403, "PermissionDenied")


async def test_everything_is_the_file_as_it_is(node, bam, vcf):
    async with node.client() as client:
        whole = await fetch(client, "reads/bam", fields="QNAME", tags="", notags="RG")
        assert whole.data == bam.data
        assert (await fetch(client, "variants/vcf", body={})).data == vcf.data


async def test_the_format_is_the_one_that_the_id_has(node):
    async with node.client() as client:
        assert (await fetch(client, "reads/cram", **ASKED)).ticket["format"] == "CRAM"
        assert (await fetch(client, "reads/cram", **{"class": "header"})).ticket["format"] == "CRAM"
        assert (await fetch(client, "reads/cram", format="cram", **ASKED)).ticket["format"] == "CRAM"
        assert await error_of(client, "reads/cram", format="BAM") == (400, "UnsupportedFormat")
        assert await error_of(client, "reads/bam", format="VCF") == (400, "UnsupportedFormat")


async def test_service_info_tells_formats_and_what_is_not_effective(node):
    async with node.client(None) as client:
        for kind, formats in (("reads", ["BAM", "CRAM"]), ("variants", ["VCF", "BCF"])):
            document = (await ask(client, f"{kind}/service-info")).json()
            assert document["type"] == {"group": "org.ga4gh", "artifact": "htsget", "version": "1.3.0"}
            assert document["htsget"] == {
                "datatype": kind, "formats": formats, "fieldsParameterEffective": False,
                "tagsParametersEffective": False,
            }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "asked", "wanted"),
    [
        ("reads/bam", {"referenceName": "chr11"}, (404, "NotFound")),
        ("reads/vcf", {}, (404, "NotFound")),
        ("variants/bam", {}, (404, "NotFound")),
        ("reads/text", {}, (404, "NotFound")),
        ("reads/bam", {"start": 5}, (400, "InvalidInput")),
        ("reads/bam", {"referenceName": "11", "start": 6, "end": 5}, (400, "InvalidRange")),
        ("reads/bam", {"class": "header", "referenceName": "11"}, (400, "InvalidInput")),
        ("reads/bam", {"body": {"regions": []}}, (400, "InvalidInput")),
        ("reads/bam", {"body": [1]}, (400, "InvalidInput")),
        (
            "reads/bam",
            {"body": {"regions": [{"referenceName": "11", "start": 5, "end": 5}]}},
            (400, "InvalidRange"),
        ),
        ("reads/bam", {"encryptionScheme": "rot13"}, (400, "InvalidInput")),
        ("reads/bam", ENCRYPTED, (400, "InvalidInput")),
        ("reads/bam", {**ENCRYPTED, "headers": {"Htsget-Context-Public-Key": "x"}}, (400, "InvalidInput")),
        ("reads/bam", {**ENCRYPTED, "encryptionMode": "Z", "headers": KEY}, (400, "InvalidInput")),
        ("reads", {}, (404, "NotFound")),
        ("reads/", {}, (404, "NotFound")),
        ("nowhere/bam", {}, (404, "NotFound")),
        ("data/abc", {}, (403, "PermissionDenied")),
    ],
)
async def test_errors_have_the_form_of_the_standard(node, path, asked, wanted):
    async with node.client() as client:
        assert await error_of(client, path, **asked) == wanted


async def test_a_post_with_a_query_and_one_that_is_too_long_are_refused(node):
    async with node.client() as client:
        answer = await client.post(f"{BASE}/reads/bam?format=BAM", json={})
        assert answer.json()["htsget"]["error"] == "InvalidInput"
        answer = await client.post(f"{BASE}/reads/bam", content=b" " * 2_000_000)
        assert (answer.status_code, answer.json()["htsget"]["error"]) == (413, "PayloadTooLarge")


async def test_other_methods_are_told_which_are_possible(node):
    async with node.client() as client:
        for path, allowed in (("reads/bam", "GET, HEAD, OPTIONS, POST"), ("data/x", "GET, HEAD, OPTIONS")):
            answer = await client.delete(f"{BASE}/{path}")
            assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


async def test_web_pages_may_ask_from_any_origin(node):
    page = {"Origin": "https://igv.example.org"}
    async with node.client() as client:
        answer = await ask(client, "reads/bam", headers=page, **ASKED)
        assert answer.headers["access-control-allow-origin"] == page["Origin"]
        assert "access-control-allow-credentials" not in answer.headers
        refused = await ask(client, "reads/nothing", headers=page)
        assert refused.headers["access-control-allow-origin"] == page["Origin"]
        asked = {
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "authorization, x-own",
        }
        preflight = await client.options(f"{BASE}/reads/bam", headers=page | asked)
        assert preflight.is_success
        assert preflight.headers["access-control-allow-headers"] == "authorization, x-own"
        assert preflight.headers["access-control-max-age"] == str(30 * 24 * 3600)


# -- who may ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["reads/bam", "reads/nothing", "reads/hidden", "variants/bam", "reads/bam.csi"]
)
async def test_nobody_learns_what_there_is_without_a_visa(node, path):
    async with node.client(None) as anonymous, node.client(EVE) as eve, node.client("nonsense" * 3) as forged:
        assert await error_of(anonymous, path) == (401, "InvalidAuthentication")
        assert await error_of(forged, path) == (401, "InvalidAuthentication")
        assert await error_of(eve, path) == (403, "PermissionDenied")
        answer = await ask(anonymous, path)
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_absent_and_forbidden_ids_are_told_alike(node):
    async with node.client() as client:
        absent, forbidden = await ask(client, "reads/nothing"), await ask(client, "reads/hidden")
        assert (absent.status_code, absent.content) == (forbidden.status_code, forbidden.content)
        assert absent.status_code == 403


async def test_only_below_a_file_that_one_may_have_something_is_not_found(node):
    async with node.client() as client:
        for path in ("variants/vcf.csi", "variants/vcf.tbi", "reads/bam.bai", "reads/bam/crai"):
            assert await error_of(client, path) == (404, "NotFound")


async def test_open_datasets_are_everybodys(bam, shared, vcf):
    node = filled_node(Delivering(open_datasets=(DATASET,)), bam, na12878(shared, "CRAM"), vcf)
    async with node.client(None) as client:
        assert overlapping("BAM", (await fetch(client, "reads/bam", **ASKED)).data, WINDOW) == bam.region(
            *WINDOW
        )
        assert await error_of(client, "reads/hidden") == (401, "InvalidAuthentication")


async def test_a_caller_with_regions_gets_their_records_and_no_other(node, bam):
    async with node.client(REGIONAL) as client:
        for start, end in ((5_015_000, 5_050_000), (5_020_000, 5_020_001), (5_049_990, 5_050_000)):
            window = ("11", start, end)
            asked = {"referenceName": "11", "start": start, "end": end}
            assert read_records("BAM", (await fetch(client, "reads/bam", **asked)).data) == bam.region(
                *window
            )
            sealed = await fetch(client, "reads/bam", headers=KEY, **ENCRYPTED, **asked)
            assert read_records("BAM", decrypted(sealed.data)) == bam.region(*window)


@pytest.mark.parametrize("name", ["vcf", "bcf"])
async def test_a_caller_with_regions_gets_their_variants_and_no_other(vcf, bcf, name):
    file = {"vcf": vcf, "bcf": bcf}[name]
    contig, start, end = file.records[0].reference, file.records[100].start, file.records[400].start
    node = Delivering(regions=(Interval(contig.removeprefix("chr"), start, end),))
    node.files.hold(name, file.data, file_format=file.format, index=file.index)
    async with node.client(REGIONAL) as client:
        for first, last in ((start, end), (start + 500, start + 501), (end - 300, end)):
            asked = {"referenceName": contig, "start": first, "end": last}
            plain = await fetch(client, f"variants/{name}", **asked)
            assert read_records(file.format, plain.data) == file.region(contig, first, last)
            sealed = await fetch(client, f"variants/{name}", headers=KEY, **ENCRYPTED, **asked)
            assert read_records(file.format, decrypted(sealed.data)) == file.region(contig, first, last)
        for first, last in ((start - 1, end), (start, end + 1)):
            beyond = {"referenceName": contig, "start": first, "end": last}
            assert await error_of(client, f"variants/{name}", **beyond) == (403, "PermissionDenied")


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"referenceName": "11"},
        {"referenceName": "20"},
        {"referenceName": "*"},
        {"referenceName": "11", "start": 5_014_999, "end": 5_015_001},
        {"referenceName": "11", "start": 5_050_000},
        {"referenceName": "11", "start": 5_050_000, "end": 5_050_000},
        {"body": {"regions": [ASKED, {"referenceName": "20", "start": 1, "end": 2}]}},
    ],
)
async def test_a_caller_with_regions_is_refused_what_lies_beyond_them(node, asked):
    async with node.client(REGIONAL) as client:
        assert await error_of(client, "reads/bam", **asked) == (403, "PermissionDenied")
    assert node.audit.lines[-1] == ("htsget.ticket", "regional", Outcome.REFUSED, ("file:bam",))


async def test_a_caller_with_regions_may_have_the_header(node):
    async with node.client(REGIONAL) as client:
        assert read_records("BAM", (await fetch(client, "reads/bam", **{"class": "header"})).data) == []


async def test_several_visas_open_their_regions_together(bam, shared, vcf):
    regions = (Interval("11", 5_015_000, 5_030_000), Interval("11", 5_030_000, 5_050_000))
    node = filled_node(Delivering(regions=regions), bam, na12878(shared, "CRAM"), vcf)
    async with node.client(REGIONAL) as client:
        assert read_records("BAM", (await fetch(client, "reads/bam", **ASKED)).data) == bam.region(*WINDOW)


# -- data addresses --------------------------------------------------------------------------------------------


async def body_url(client, **asked) -> str:
    ticket = (await ask(client, "reads/bam", **{**ASKED, **asked})).json()["htsget"]
    return ticket["urls"][1]["url"]


async def test_an_address_holds_no_token_no_id_and_no_region(node):
    async with node.client() as client:
        url = await body_url(client)
    sealed = url.removeprefix(f"https://node.example.org{BASE}/data/")
    inside = base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
    for secret in (ADA.encode(), b"bam", b"ada", (5_015_000).to_bytes(4, "big")):
        assert secret not in inside


async def test_an_address_needs_no_bearer_and_takes_sub_ranges(node):
    async with node.client() as client, node.client(None) as bare:
        url = await body_url(client)
        whole = (await bare.get(url)).content
        for first, last in ((0, 0), (5, 1000), (len(whole) - 1, len(whole) + 50)):
            answer = await bare.get(url, headers={"Range": f"bytes={first}-{last}"})
            assert answer.status_code == 206
            assert answer.content == whole[first : last + 1]
            assert answer.headers["content-range"].endswith(f"/{len(whole)}")
        head = await bare.head(url)
        assert int(head.headers["content-length"]) == len(whole)


async def test_ranges_outside_are_refused(node):
    async with node.client() as client:
        url = await body_url(client)
        size = len((await client.get(url)).content)
        answer = await client.get(url, headers={"Range": f"bytes={size}-"})
        assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{size}")
        assert answer.json()["htsget"]["error"] == "InvalidRange"


async def test_an_interrupted_fetch_goes_on_with_another_ticket(node):
    async with node.client() as client:
        for asked in (
            {},
            {**ENCRYPTED, "headers": KEY},
            {**ENCRYPTED, "encryptionMode": "C", "headers": KEY},
        ):
            url, other = await body_url(client, **asked), await body_url(client, **asked)
            assert url != other
            whole = await client.get(url)
            resumed = {"Range": "bytes=1000-", "If-Range": whole.headers["etag"]}
            rest = await client.get(other, headers=resumed)
            assert (rest.status_code, rest.content) == (206, whole.content[1000:])
            changed = await client.get(other, headers=resumed | {"If-Range": '"another"'})
            assert (changed.status_code, changed.content) == (200, whole.content)


async def test_an_address_ends(node):
    async with node.client() as client:
        url = await body_url(client)
        node.clock.advance(599)
        assert (await client.get(url)).status_code == 200
        node.clock.advance(2)
        answer = await client.get(url)
        assert (answer.status_code, answer.json()["htsget"]["error"]) == (403, "PermissionDenied")


async def test_an_address_ends_with_the_visa():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    soon = now + timedelta(seconds=30)
    file = Delivering().files.hold("x", b"")
    asker = Principal("token:x", visas=(Visa(DATASET, until=soon), Visa("other")))
    assert holds_until(asker, file, now, timedelta(hours=1)) == soon
    unlimited = Principal("token:x", visas=(Visa(DATASET, until=soon), Visa(DATASET)))
    assert holds_until(unlimited, file, now, timedelta(hours=1)) == now + timedelta(hours=1)


async def test_a_visa_for_regions_does_not_lengthen_addresses_of_the_whole_file():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    soon, late = now + timedelta(seconds=30), now + timedelta(seconds=300)
    region = (Interval("11", 0, 100),)
    file = Delivering().files.hold("x", b"")
    both = Principal("token:x", visas=(Visa(DATASET, until=soon), Visa(DATASET, until=late, regions=region)))
    assert holds_until(both, file, now, timedelta(hours=1)) == soon
    parts = Principal(
        "token:x",
        visas=(Visa(DATASET, until=soon, regions=region), Visa(DATASET, until=late, regions=region)),
    )
    assert holds_until(parts, file, now, timedelta(hours=1)) == soon, "a ticket may need both"


async def test_an_address_ends_with_the_release_of_the_file(node):
    async with node.client() as client:
        url = await body_url(client)
        node.files.drop("bam")
        assert (await client.get(url)).status_code == 403


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.data())
async def test_a_changed_address_is_refused(node, data):
    async with node.client() as client:
        url = await body_url(client)
        at = data.draw(st.integers(url.rindex("/") + 1, len(url) - 1))
        mark = data.draw(st.sampled_from("ABCxyz019-_."))
        changed = url[:at] + mark + url[at + 1 :]
        answer = await client.get(changed)
        same = mark != "." and _decoded(changed) == _decoded(url)
        assert (answer.status_code == 200) == same


def _decoded(url: str) -> bytes:
    text = url[url.rindex("/") + 1 :]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def test_tickets_and_streams_are_written_down(node):
    async with node.client() as client:
        data = await block(client, {"url": await body_url(client)})
    ada = "ada"
    assert node.audit.lines == [
        ("htsget.ticket", ada, Outcome.DONE, ("file:bam",)),
        ("file.send", ada, Outcome.DONE, ("file:bam", "what:htsget plain")),
        ("file.sent", ada, Outcome.DONE, ("file:bam", "what:htsget plain", f"bytes:{len(data)}")),
    ]


# -- Crypt4GH ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["A", "b", "C", None])
@pytest.mark.parametrize("name", ["bam", "cram", "vcf", "bcf"])
async def test_every_mode_gives_the_same_records(node, bam, vcf, bcf, shared, mode, name):
    file = {"bam": bam, "vcf": vcf, "bcf": bcf, "cram": na12878(shared, "CRAM")}[name]
    node.files.hold("bcf", bcf.data, file_format="BCF", index=bcf.index)
    is_variants = file in {vcf, bcf}
    window = (file.records[0].reference, 10_600_000, 10_700_000) if is_variants else WINDOW
    asked = dict(zip(("referenceName", "start", "end"), window, strict=True)) | ENCRYPTED
    asked |= {"encryptionMode": mode} if mode else {}
    async with node.client() as client:
        found = await fetch(client, f"{'variants' if is_variants else 'reads'}/{name}", headers=KEY, **asked)
    assert found.ticket["urls"][0]["class"] == "header"
    assert all("class" in url for url in found.ticket["urls"])
    assert overlapping(file.format, decrypted(found.data), window) == file.region(*window) != []


@pytest.mark.parametrize("mode", ["A", "B", "C", None])
async def test_a_caller_with_regions_gets_a_fresh_key_whatever_mode_they_ask_for(node, mode):
    asked = ASKED | ({"encryptionMode": mode} if mode else {})
    sent = await keys_sent(node, REGIONAL, **asked)
    assert not sent & await keys_of_bam(node)
    assert len(sent) == 1


async def test_a_caller_who_may_have_all_of_a_file_gets_its_key_but_in_mode_c(node):
    for mode in "AB":
        assert await keys_of_bam(node) < await keys_sent(node, ADA, encryptionMode=mode, **ASKED)
    assert not await keys_of_bam(node) & await keys_sent(node, ADA, encryptionMode="C", **ASKED)


async def keys_of_bam(node) -> set[bytes]:
    return revealed(await node.files.header(await node.files.find("bam")))


async def keys_sent(node, token: str, **asked) -> set[bytes]:
    """What the reader finds in the header of what is delivered."""
    async with node.client(token) as client:
        found = await fetch(client, "reads/bam", headers=KEY, **ENCRYPTED, **asked)
    return revealed(open_header(found.blocks[0], [READER]).header)


def revealed(header: Header) -> set[bytes]:
    return {key.reveal() for key in header.data_keys}


async def test_the_key_may_be_named_in_every_way(node, bam):
    raw = str(READER.public)
    pem = base64.b64encode(public_key_text(READER.public).encode()).decode()
    async with node.client() as client:
        names = (
            ("Htsget-Context-Public-Key", raw),
            ("Htsget-Context-Public-Key", pem),
            ("X-C4GH-Public-Key", raw),
        )
        for name, value in names:
            found = await fetch(client, "reads/bam", headers={name: value}, **ENCRYPTED)
            assert decrypted(found.data) == bam.data
        node.registered["ada"] = READER.public
        assert decrypted((await fetch(client, "reads/bam", body=ENCRYPTED)).data) == bam.data


async def test_a_node_may_deliver_encrypted_only(bam, shared, vcf):
    policy = Policy(allow_plain=False, encryption_mode=Mode.FRESH)
    node = filled_node(Delivering(policy), bam, na12878(shared, "CRAM"), vcf)
    async with node.client() as client:
        assert await error_of(client, "reads/bam") == (400, "InvalidInput")
        found = await fetch(client, "reads/bam", headers=KEY, **ENCRYPTED, **ASKED)
        assert overlapping("BAM", decrypted(found.data), WINDOW) == bam.region(*WINDOW)


async def test_many_regions_far_apart_work_in_every_mode(tmp_path):
    file, node = synthetic_variants(tmp_path, "VCF"), Delivering()
    node.files.hold("many", file.data, file_format="VCF", index=file.index)
    starts = range(0, 800_000_000, 4_000_000)
    regions = [{"referenceName": "big", "start": at, "end": at + 100_000} for at in starts]
    wanted = {record for at in starts for record in file.region("big", at, at + 100_000)}
    async with node.client() as client:
        plain = await fetch(client, "variants/many", body={"regions": regions})
        assert_has(file, read_records("VCF", plain.data), wanted)
        for mode in "ABC":
            body = {"regions": regions, "encryptionMode": mode, **ENCRYPTED}
            found = await fetch(client, "variants/many", body=body, headers=KEY)
            assert_has(file, read_records("VCF", decrypted(found.data)), wanted)


def assert_has(file: IndexedFile, found: list, wanted: set) -> None:
    """All of `wanted`, in the order of the file, each once."""
    there = set(found)
    assert wanted <= there
    assert found == [record for record in file.records if record in there]


# -- anything at all ----------------------------------------------------------------------------------------------

texts = st.text(st.characters(codec="utf-8"), max_size=20)
names = st.sampled_from(
    [
        "format",
        "class",
        "referenceName",
        "start",
        "end",
        "fields",
        "tags",
        "notags",
        "encryptionScheme",
        "encryptionMode",
    ]
)
values = texts | st.sampled_from(["11", "*", "header", "BAM", "c4gh", "a", "0", "5015000", "4294967295"])
FUZZ = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)


@FUZZ
@given(
    st.sampled_from(["reads/bam", "variants/vcf", "reads/cram", "data/x"]),
    st.dictionaries(names | texts, values),
)
async def test_no_query_is_a_failure_of_ours(node, path, query):
    async with node.client() as client:
        answer = await client.get(f"{BASE}/{path}", params=query, headers=KEY)
        assert answer.status_code < 500


@FUZZ
@given(st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="?#"), max_size=60))
async def test_no_path_is_a_failure_of_ours(node, path):
    async with node.client() as client:
        assert (await client.get(f"{BASE}/reads/{path}")).status_code < 500
        assert (await client.get(f"{BASE}/data/{path}")).status_code < 500


@FUZZ
@given(
    st.dictionaries(
        names | st.just("regions"),
        values
        | st.integers()
        | st.lists(st.dictionaries(names, values | st.integers(-9, 2**33)), max_size=4),
    )
)
async def test_no_body_is_a_failure_of_ours(node, document):
    async with node.client() as client:
        answer = await client.post(f"{BASE}/reads/bam", json=document, headers=KEY | bearer(REGIONAL))
        assert answer.status_code < 500


@settings(FUZZ, max_examples=25)  # each decrypts and reads some hundred kilobytes
@given(st.binary(max_size=300), st.integers(0, 5000), st.booleans())
async def test_damage_in_the_archive_is_said_and_never_a_defect(bam, junk, at, in_index):
    node = Delivering()
    data, index = bytearray(bam.data[:200_000]), bytearray(bam.index)
    target = index if in_index else data
    target[at : at + len(junk)] = junk
    node.files.hold("bam", bytes(data), file_format="BAM", index=bytes(index))
    async with node.client() as client:
        answer = await ask(client, "reads/bam", **ASKED)
        assert answer.status_code in {200, 404, 503}
        for url in answer.json()["htsget"].get("urls", ()):
            if not url["url"].startswith("data:"):
                assert (await client.get(url["url"])).status_code in {200, 503}
