"""What the inbox promises, whichever protocol an upload comes by, held on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import hashlib
import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from tests.receiving import SENDER, Place, body, breaking, chunks, cut, encrypted, wish

from opengdi.archive.model import Declared
from opengdi.archive.uploads.faults import (
    BadDigest,
    Broken,
    NoSuchUpload,
    NotEncrypted,
    QuotaExceeded,
    WrongOffset,
    WrongParts,
)
from opengdi.archive.uploads.model import Protocol, Sender, Upload, UploadState
from opengdi.archive.uploads.service import Inbox
from opengdi.kernel.errors import Conflict, Invalid, NotFound
from opengdi.standards.crypt4gh import PrivateKey
from opengdi.standards.s3.documents import NamedPart

MIB = 1 << 20
FIVE = 5 * MIB
TUS = Protocol.TUS
STRANGER = PrivateKey(b"\x02" * 32).public
ROUND = timedelta(minutes=5)


@pytest.fixture
def place(engine: Engine, tmp_path: Path) -> Place:
    return Place(engine, tmp_path)


@pytest.fixture
def inbox(place: Place) -> Inbox:
    return place.inbox()


async def put_parts(inbox: Inbox, upload: Upload, parts: dict[int, bytes]) -> list[NamedPart]:
    named = []
    for number, data in parts.items():
        part = await inbox.put_part(upload, number, body(*chunks(data)))
        named.append(NamedPart(number, part.etag))
    return sorted(named, key=lambda part: part.number)


def three_parts(data: bytes) -> dict[int, bytes]:
    return dict(enumerate(cut(data, FIVE, 2 * FIVE), start=1))


DATA = encrypted(11 * MIB)


# S3


async def test_parts_become_one_file_in_their_order(place, inbox):
    upload = await inbox.begin(SENDER, wish(dataset="D1", declared=Declared(sha256="a" * 64)))
    done = await inbox.complete_parts(upload, await put_parts(inbox, upload, three_parts(DATA)))
    file = place.registry.find(done.file)
    assert place.taken(file.id) == DATA
    assert (file.path, file.dataset, file.declared.sha256) == ("a.c4gh", "D1", "a" * 64)
    assert (done.state, done.size_bytes) == (UploadState.COMPLETED, len(DATA))


async def test_the_etag_is_what_s3_clients_compute(inbox):
    upload = await inbox.begin(SENDER, wish())
    done = await inbox.complete_parts(upload, await put_parts(inbox, upload, three_parts(DATA)))
    digests = b"".join(hashlib.md5(part).digest() for part in three_parts(DATA).values())
    assert done.etag == f"{hashlib.md5(digests).hexdigest()}-3"


async def test_no_piece_is_larger_than_the_settings_say(place, inbox):
    upload = await inbox.begin(SENDER, wish())
    await put_parts(inbox, upload, three_parts(DATA))
    sizes = [len(data) for data in place.objects().values()]
    assert max(sizes) == MIB
    assert sum(sizes) == len(DATA)


async def test_a_part_that_comes_again_replaces_the_first(place, inbox):
    upload = await inbox.begin(SENDER, wish())
    parts = three_parts(DATA)
    await put_parts(inbox, upload, parts | {2: b"x" * FIVE})
    named = await put_parts(inbox, upload, parts)
    done = await inbox.complete_parts(upload, named)
    assert place.taken(done.file) == DATA
    assert sum(map(len, place.objects().values())) == len(DATA)


async def test_parts_in_any_order_and_side_by_side_become_the_same_file(place):
    inboxes = [place.inbox(), place.inbox()]
    upload = await inboxes[0].begin(SENDER, wish())
    order = list(three_parts(DATA).items())
    random.Random(5).shuffle(order)
    sent = [inboxes[number % 2].put_part(upload, number, body(*chunks(data))) for number, data in order]
    parts = sorted(await asyncio.gather(*sent), key=lambda part: part.number)
    done = await inboxes[1].complete_parts(upload, [NamedPart(part.number, part.etag) for part in parts])
    assert place.taken(done.file) == DATA


async def test_what_comes_before_its_header_was_seen_is_never_stored_as_it_came(place, inbox, monkeypatch):
    monkeypatch.setattr("opengdi.archive.uploads.service._FIRST_PART_S", 0.0)
    plain = b"GATTACA " * (FIVE // 8)
    upload = await inbox.begin(SENDER, wish())
    await inbox.put_part(upload, 2, body(*chunks(plain)))
    assert place.objects()
    assert not any(b"GATTACA" in data for data in place.objects().values())
    with pytest.raises(NotEncrypted, match="not a Crypt4GH file"):
        await inbox.put_part(upload, 1, body(*chunks(plain)))
    assert not place.objects()


async def test_a_first_part_that_comes_again_is_looked_at_again(place, inbox):
    plain = b"GATTACA " * (FIVE // 8)
    upload = await inbox.begin(SENDER, wish())
    await put_parts(inbox, upload, three_parts(DATA))
    upload = await inbox.find(SENDER, upload.id, Protocol.S3)
    with pytest.raises(NotEncrypted, match="not a Crypt4GH file"):
        await inbox.put_part(upload, 1, body(*chunks(plain)))
    assert not place.objects()


async def test_what_comes_in_clear_behind_a_good_header_is_never_stored_as_it_came(place, inbox):
    plain = b"GATTACA " * (FIVE // 8)
    upload = await inbox.begin(SENDER, wish())
    parts = three_parts(DATA)
    named = await put_parts(inbox, upload, parts | {1: parts[1][:200] + plain})
    upload = await inbox.find(SENDER, upload.id, Protocol.S3)
    named[1:] = await put_parts(inbox, upload, {2: plain, 3: plain})  # sent again, in clear
    assert len(place.objects()) > 10
    assert not any(b"GATTACA" in data for data in place.objects().values())
    await inbox.complete_parts(upload, named)
    assert not any(b"GATTACA" in data for data in place.objects().values())


async def test_bytes_in_clear_behind_a_good_header_are_never_stored_as_they_came(place, inbox):
    data = DATA[:200] + b"GATTACA " * 1000
    upload = await inbox.begin(SENDER, wish(protocol=TUS, length=len(data)))
    await inbox.append(upload, 0, body(data[:150], data[150:]))
    await inbox.complete(await inbox.find(SENDER, upload.id, TUS))
    assert place.objects()
    assert not any(b"GATTACA" in data for data in place.objects().values())


async def test_what_comes_after_a_piece_whose_checksum_was_wrong_is_looked_at_again(place, inbox):
    upload = await inbox.begin(SENDER, wish(protocol=TUS, length=len(DATA)))
    with pytest.raises(BadDigest):
        await inbox.append(upload, 0, breaking(*chunks(DATA), error=BadDigest("no")), whole=True)
    with pytest.raises(NotEncrypted, match="not a Crypt4GH file"):
        await inbox.append(await inbox.find(SENDER, upload.id, TUS), 0, body(b"GATTACA " * 1000))


async def test_parts_that_came_before_the_first_one_are_whole_in_the_end(place, inbox, monkeypatch):
    monkeypatch.setattr("opengdi.archive.uploads.service._FIRST_PART_S", 0.0)
    upload = await inbox.begin(SENDER, wish())
    backwards = dict(reversed(three_parts(DATA).items()))
    done = await inbox.complete_parts(upload, await put_parts(inbox, upload, backwards))
    assert place.taken(done.file) == DATA


@pytest.mark.parametrize(
    "data, said",
    [(b"BAM\x01" + bytes(FIVE), "not a Crypt4GH file"), (encrypted(FIVE, STRANGER), "archive's key")],
)
async def test_a_file_that_is_not_for_this_node_is_refused_at_its_first_bytes(place, inbox, data, said):
    upload = await inbox.begin(SENDER, wish())
    read = []

    async def counted():
        for chunk in chunks(data):
            read.append(len(chunk))
            yield chunk

    with pytest.raises(NotEncrypted, match=said):
        await inbox.put_part(upload, 1, counted())
    assert len(read) == 1
    assert not place.objects()
    with pytest.raises(NotEncrypted, match=said):
        await inbox.put_part(upload, 2, body(*chunks(DATA)))


async def test_a_part_that_breaks_off_leaves_nothing(place, inbox):
    upload = await inbox.begin(SENDER, wish())
    with pytest.raises(Broken):
        await inbox.put_part(upload, 1, breaking(*chunks(DATA[:FIVE]), error=Broken("gone")))
    assert await inbox.parts(upload) == {}
    assert not place.objects()


@pytest.mark.parametrize(
    "change, code",
    [
        (lambda named: [], "MalformedXML"),
        (lambda named: named[::-1], "InvalidPartOrder"),
        (lambda named: [*named, named[-1]], "InvalidPartOrder"),
        (lambda named: [*named, NamedPart(9, named[0].etag)], "InvalidPart"),
        (lambda named: [replace(named[0], etag="0" * 32), *named[1:]], "InvalidPart"),
        (lambda named: [replace(named[0], checksums={"crc32": "x"}), *named[1:]], "InvalidPart"),
    ],
)
async def test_parts_that_are_named_wrongly_are_refused_and_the_upload_goes_on(place, inbox, change, code):
    upload = await inbox.begin(SENDER, wish())
    named = await put_parts(inbox, upload, three_parts(DATA))
    await inbox.put_part(upload, 1, body(*chunks(DATA[:FIVE])), checksums=lambda: {"crc32": "AAAA"})
    with pytest.raises(WrongParts) as refused:
        await inbox.complete_parts(upload, change(named))
    assert refused.value.code == code
    assert place.taken((await inbox.complete_parts(upload, named)).file) == DATA


async def test_a_small_part_before_the_last_is_refused(inbox):
    upload = await inbox.begin(SENDER, wish())
    named = await put_parts(inbox, upload, dict(enumerate(cut(DATA, FIVE - 1), start=1)))
    with pytest.raises(WrongParts, match="but the last need") as refused:
        await inbox.complete_parts(upload, named)
    assert refused.value.code == "EntityTooSmall"


async def test_parts_that_are_not_named_are_not_kept(place, inbox):
    upload = await inbox.begin(SENDER, wish())
    named = await put_parts(inbox, upload, three_parts(DATA) | {4: b"x" * 100})
    done = await inbox.complete_parts(upload, named[:3])
    assert place.taken(done.file) == DATA
    assert sum(map(len, place.objects().values())) == len(DATA)


async def test_two_processes_that_complete_one_upload_make_one_file(place):
    inboxes = [place.inbox() for _ in range(4)]
    upload = await inboxes[0].begin(SENDER, wish())
    named = await put_parts(inboxes[0], upload, three_parts(DATA))
    all_done = await asyncio.gather(*(inbox.complete_parts(upload, named) for inbox in inboxes))
    assert len({done.file for done in all_done}) == 1
    assert [event.after for event in place.registry.events(all_done[0].file)] == ["uploaded"]


async def test_completing_again_tells_the_same(inbox):
    upload = await inbox.begin(SENDER, wish())
    named = await put_parts(inbox, upload, three_parts(DATA))
    first = await inbox.complete_parts(upload, named)
    again = await inbox.complete_parts(await inbox.find(SENDER, upload.id, Protocol.S3), named)
    assert (again.file, again.etag) == (first.file, first.etag)


async def test_a_path_that_the_archive_has_is_not_overwritten(inbox):
    upload = await inbox.begin(SENDER, wish())
    late = await inbox.begin(SENDER, wish())
    await inbox.complete_parts(upload, await put_parts(inbox, upload, three_parts(DATA)))
    with pytest.raises(Conflict, match="overwritten") as refused:
        await inbox.begin(SENDER, wish())
    assert "send it under another path" in refused.value.public
    named = await put_parts(inbox, late, three_parts(DATA))
    with pytest.raises(Conflict, match="overwritten"):
        await inbox.complete_parts(late, named)
    await inbox.give_up(await inbox.find(SENDER, late.id, Protocol.S3))


async def test_an_upload_of_another_provider_does_not_exist(inbox):
    upload = await inbox.begin(SENDER, wish())
    with pytest.raises(NoSuchUpload):
        await inbox.find(Sender("tartu", "token:ben"), upload.id, Protocol.S3)
    with pytest.raises(NoSuchUpload):
        await inbox.find(SENDER, upload.id, TUS)


async def test_an_upload_that_is_given_up_leaves_nothing(place, inbox):
    upload = await inbox.begin(SENDER, wish())
    await put_parts(inbox, upload, three_parts(DATA))
    await inbox.give_up(upload)
    assert not place.objects()
    with pytest.raises(NoSuchUpload):
        await inbox.put_part(upload, 1, body(DATA[:FIVE]))


@pytest.mark.parametrize("path", ["a.md5", "x/a.bam.sha256", "a.c4gh.md5", "b/md5.SHA1"])
async def test_files_of_checksums_are_refused_and_it_is_said_what_to_do(inbox, path):
    with pytest.raises(Invalid, match="declare digests as metadata"):
        await inbox.begin(SENDER, wish(path))


# tus


async def test_bytes_that_come_one_after_the_other_become_a_file(place, inbox):
    upload = await inbox.begin(SENDER, wish(protocol=TUS, length=len(DATA)))
    offset = 0
    for piece in cut(DATA, 5, 77, 3 * MIB, 3 * MIB + 1):
        upload = await inbox.find(SENDER, upload.id, TUS)
        offset = await inbox.append(upload, offset, body(*chunks(piece)))
    done = await inbox.complete(await inbox.find(SENDER, upload.id, TUS))
    assert place.taken(done.file) == DATA


async def test_what_came_before_a_break_is_kept(place, inbox):
    upload = await inbox.begin(SENDER, wish(protocol=TUS, length=len(DATA)))
    with pytest.raises(Broken):
        await inbox.append(upload, 0, breaking(*chunks(DATA[: 3 * MIB + 123]), error=Broken("gone")))
    upload = await inbox.find(SENDER, upload.id, TUS)
    assert upload.received == 3 * MIB + 123
    await inbox.append(upload, upload.received, body(*chunks(DATA[upload.received :])))
    done = await inbox.complete(await inbox.find(SENDER, upload.id, TUS))
    assert place.taken(done.file) == DATA


async def test_another_offset_than_where_the_upload_stands_is_refused(inbox):
    upload = await inbox.begin(SENDER, wish(protocol=TUS, length=len(DATA)))
    with pytest.raises(WrongOffset, match="stands at 0, not at 5"):
        await inbox.append(upload, 5, body(DATA))


async def test_of_two_senders_at_one_offset_one_wins_and_nothing_is_doubled(place):
    inboxes = [place.inbox(), place.inbox()]
    upload = await inboxes[0].begin(SENDER, wish(protocol=TUS, length=len(DATA)))
    results = await asyncio.gather(
        *(inbox.append(upload, 0, body(*chunks(DATA))) for inbox in inboxes), return_exceptions=True
    )
    assert any(isinstance(result, WrongOffset) for result in results)
    upload = await inboxes[0].find(SENDER, upload.id, TUS)
    await inboxes[0].append(upload, upload.received, body(*chunks(DATA[upload.received :])))
    done = await inboxes[0].complete(await inboxes[0].find(SENDER, upload.id, TUS))
    assert place.taken(done.file) == DATA


async def test_a_piece_whose_checksum_is_wrong_is_not_kept(place, inbox):
    upload = await inbox.begin(SENDER, wish(protocol=TUS, length=len(DATA)))
    with pytest.raises(BadDigest):
        await inbox.append(upload, 0, breaking(*chunks(DATA), error=BadDigest("no")), whole=True)
    assert (await inbox.find(SENDER, upload.id, TUS)).received == 0
    assert not place.objects()


@pytest.mark.parametrize("first", [1, 7, 8, 20, 100])
async def test_plaintext_is_refused_however_few_bytes_come_at_once(place, inbox, first):
    data = b"##fileformat=VCFv4.2\n" * 20
    upload = await inbox.begin(SENDER, wish(protocol=TUS, length=len(data)))
    with pytest.raises(NotEncrypted, match="it does not begin with"):
        await inbox.append(upload, 0, body(data[:first]))
    assert not place.objects()


async def test_a_wrong_key_is_found_though_the_header_comes_in_shreds(place, inbox):
    data = encrypted(100, STRANGER)
    upload = await inbox.begin(SENDER, wish(protocol=TUS, length=len(data)))
    for at in (*range(18), *range(18, 123, 15)):
        stop = at + 1 if at < 18 else at + 15
        await inbox.append(await inbox.find(SENDER, upload.id, TUS), at, body(data[at:stop]))
    with pytest.raises(NotEncrypted, match="archive's key"):
        await inbox.append(await inbox.find(SENDER, upload.id, TUS), 123, body(data[123:]))
    assert not place.objects()


async def test_a_file_that_ends_within_its_header_is_refused(place, inbox):
    upload = await inbox.begin(SENDER, wish(protocol=TUS, length=50))
    await inbox.append(upload, 0, body(DATA[:50]))
    with pytest.raises(NotEncrypted, match="ends within"):
        await inbox.complete(await inbox.find(SENDER, upload.id, TUS))
    assert not place.objects()


async def test_digests_may_be_declared_at_the_end_but_not_changed(place, inbox):
    upload = await inbox.begin(SENDER, wish(protocol=TUS, length=len(DATA), declared=Declared(md5="b" * 32)))
    await inbox.declare(upload, Declared(sha256="a" * 64))
    with pytest.raises(Invalid, match="md5 was declared before"):
        await inbox.declare(upload, Declared(md5="c" * 32))
    await inbox.append(upload, 0, body(*chunks(DATA)))
    done = await inbox.complete(await inbox.find(SENDER, upload.id, TUS))
    assert place.registry.find(done.file).declared == Declared(sha256="a" * 64, md5="b" * 32)


async def send_partials(inbox: Inbox, *pieces: bytes) -> list[str]:
    """Ids of partial uploads that are complete; the last one is sent first."""
    ids: list[str] = []
    for piece in reversed(pieces):
        partial = await inbox.begin(SENDER, wish("", TUS, length=len(piece), partial=True))
        await inbox.append(partial, 0, body(*chunks(piece)))
        ids.insert(0, partial.id)
    return ids


async def test_partial_uploads_are_put_together_in_the_order_that_is_said(place, inbox):
    ids = await send_partials(inbox, *cut(DATA, 3 * MIB, 7 * MIB))
    done = await inbox.concatenate(SENDER, wish(protocol=TUS), ids)
    assert place.taken(done.file) == DATA
    with pytest.raises(NoSuchUpload):
        await inbox.find(SENDER, ids[0], TUS)


async def test_of_two_that_put_the_same_partial_uploads_together_both_hear_of_one_file(place):
    inboxes = [place.inbox(), place.inbox()]
    ids = await send_partials(inboxes[0], *cut(DATA, 3 * MIB))
    final = wish(protocol=TUS, concat="final;" + " ".join(ids))
    both = await asyncio.gather(*(inbox.concatenate(SENDER, final, ids) for inbox in inboxes))
    assert len({done.file for done in both}) == 1
    assert place.taken(both[0].file) == DATA
    with pytest.raises(NoSuchUpload):
        await inboxes[0].concatenate(SENDER, replace(final, path="b.c4gh"), ids)


@pytest.mark.parametrize("before", ["_feed_stored", "_judge_stored"])
async def test_who_looks_at_partial_uploads_while_another_joins_them_hears_of_the_same_file(
    place, monkeypatch: pytest.MonkeyPatch, before: str
):
    slow, quick = place.inbox(), place.inbox()
    ids = await send_partials(slow, *cut(DATA, 3 * MIB))
    final = wish(protocol=TUS, concat="final;" + " ".join(ids))
    look, done = getattr(slow, before), []

    async def look_late(*what):
        if not done:
            done.append(await quick.concatenate(SENDER, final, ids))
        return await look(*what)

    monkeypatch.setattr(slow, before, look_late)
    assert (await slow.concatenate(SENDER, final, ids)).file == done[0].file
    assert place.taken(done[0].file) == DATA


async def test_a_header_that_goes_over_several_partial_uploads_is_read(place, inbox):
    ids = await send_partials(inbox, *cut(DATA, 7, 50, 100))
    done = await inbox.concatenate(SENDER, wish(protocol=TUS), ids)
    assert place.taken(done.file) == DATA


class Killed(BaseException):
    """The process is dead from here on."""


def kill_before_step(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that is written, is written in steps; the process dies before one of them."""
    steps = iter(range(number))

    async def step(act, *arguments, **further):
        if next(steps, None) is None:
            raise Killed
        return act(*arguments, **further)

    monkeypatch.setattr(asyncio, "to_thread", step)


async def in_parts(inbox: Inbox, path: str, data: bytes):
    """How an upload by S3 is ended, as often as one likes."""
    upload = await inbox.begin(SENDER, wish(path))
    named = await put_parts(inbox, upload, {1: data})

    async def end() -> Upload:
        return await inbox.complete_parts(await inbox.find(SENDER, upload.id, Protocol.S3), named)

    return end


async def in_partial_uploads(inbox: Inbox, path: str, data: bytes):
    """The same for an upload that is put together from partial ones."""
    ids = await send_partials(inbox, *cut(data, 50, 100_000))
    final = wish(path, TUS, concat="final;" + " ".join(ids))

    async def end() -> Upload:
        return await inbox.concatenate(SENDER, final, ids)

    return end


@pytest.mark.parametrize("comes_back", [True, False])
@pytest.mark.parametrize("send", [in_parts, in_partial_uploads])
async def test_whoever_is_killed_at_whatever_step_of_the_end_of_an_upload_there_is_one_file(
    place, inbox, send, comes_back, caplog
):
    data, was_killed, step = encrypted(200_000), True, 0
    while was_killed:
        path = f"{step}.c4gh"
        end = await send(inbox, path, data)
        with pytest.MonkeyPatch.context() as monkeypatch:
            kill_before_step(step, monkeypatch)
            try:
                await end()
                was_killed = False
            except Killed:
                step += 1
        if not comes_back:
            place.clock.advance(120)
            await inbox.care.tidy_up()
        done = await end()
        assert place.taken(done.file) == data, f"killed before step {step}"
        assert (await end()).file == done.file
        place.clock.advance(86_400)
        await inbox.care.tidy_up()
    assert step > 5
    assert sum(map(len, place.objects().values())) == (step + 1) * len(data)
    assert not place.store.stuck(timedelta(0))


async def test_partial_uploads_of_plaintext_are_never_stored_as_they_came(place, inbox):
    plain = b"GATTACA " * 1000
    ids = await send_partials(inbox, plain)
    assert not any(b"GATTACA" in data for data in place.objects().values())
    for _ in range(2):
        with pytest.raises(NotEncrypted, match="it does not begin with"):
            await inbox.concatenate(SENDER, wish(protocol=TUS), ids)
    assert not place.objects()


# quotas and care


async def test_a_quota_counts_what_the_inbox_and_the_archive_hold(place):
    inbox = place.inbox(quota_of=lambda provider: 2 * len(DATA) + 100 if provider == "charite" else 1)
    for path in ("a.c4gh", "b.c4gh"):
        upload = await inbox.begin(SENDER, wish(path))
        await inbox.complete_parts(upload, await put_parts(inbox, upload, three_parts(DATA)))
    small = await inbox.begin(SENDER, wish("c.c4gh", length=100))
    with pytest.raises(QuotaExceeded, match="charite may hold"):
        await inbox.put_part(small, 1, body(*chunks(DATA[:FIVE])))
    with pytest.raises(QuotaExceeded, match="101 more do not fit"):
        await inbox.begin(SENDER, wish("d.c4gh", length=101))
    assert sum(map(len, place.objects().values())) == 2 * len(DATA)


async def test_a_quota_counts_the_bytes_of_partial_uploads_once(place):
    inbox = place.inbox(quota_of=lambda _provider: len(DATA))
    ids = await send_partials(inbox, *cut(DATA, 3 * MIB))
    done = await inbox.concatenate(SENDER, wish(protocol=TUS), ids)
    assert place.taken(done.file) == DATA
    with pytest.raises(QuotaExceeded, match="1 more do not fit"):
        await inbox.begin(SENDER, wish("b.c4gh"))


async def test_an_upload_that_nobody_goes_on_with_is_given_up(place, inbox):
    upload = await inbox.begin(SENDER, wish())
    await put_parts(inbox, upload, three_parts(DATA))
    place.clock.advance(6 * 86_400)
    await inbox.care.tidy_up()
    assert (await inbox.find(SENDER, upload.id, Protocol.S3)).state is UploadState.OPEN
    place.clock.advance(2 * 86_400)
    await inbox.care.tidy_up()
    assert not place.objects()
    with pytest.raises(NoSuchUpload):
        await inbox.find(SENDER, upload.id, Protocol.S3)


async def test_an_object_that_came_by_one_request_is_given_up_soon_after_that_broke_off(place, inbox):
    single = await inbox.begin(SENDER, wish("a.c4gh", length=2 * FIVE))
    await inbox.put_part(single, 1, body(*chunks(DATA[:FIVE])))  # and the process is killed
    parts = await inbox.begin(SENDER, wish("b.c4gh"))
    await put_parts(inbox, parts, {1: DATA[:FIVE]})
    place.clock.advance(3 * 3600)
    await inbox.care.tidy_up()
    assert sum(map(len, place.objects().values())) == FIVE
    assert (await inbox.find(SENDER, parts.id, Protocol.S3)).state is UploadState.OPEN


async def test_what_came_whole_is_handed_over_though_its_process_died_before_and_nobody_comes_back(
    place, inbox
):
    upload = await inbox.begin(SENDER, wish(protocol=TUS, length=len(DATA)))
    await inbox.append(upload, 0, body(*chunks(DATA)))  # and the process is killed
    await inbox.care.tidy_up()
    assert (await inbox.find(SENDER, upload.id, TUS)).is_whole, "its sender may still be at it"
    place.clock.advance(120)
    await inbox.care.tidy_up()
    done = await inbox.find(SENDER, upload.id, TUS)
    assert (done.state, done.is_whole) == (UploadState.COMPLETED, False)
    assert place.taken(done.file) == DATA


async def test_what_a_killed_process_left_half_is_collected(place, inbox):
    upload = await inbox.begin(SENDER, wish())
    await put_parts(inbox, upload, {1: DATA[:FIVE]})
    begun = inbox.put_part(upload, 2, endless(DATA[FIVE : 2 * FIVE]))
    task = asyncio.ensure_future(begun)
    while len(place.objects()) < 7:  # noqa: ASYNC110  five pieces of part 1, some of part 2
        await asyncio.sleep(0.01)
    kept = place.objects()
    task.cancel()  # as if killed: its own clearing up is undone below
    with pytest.raises(asyncio.CancelledError):
        await task
    for key, data in kept.items():
        (place.folder / key).parent.mkdir(exist_ok=True, parents=True)
        (place.folder / key).write_bytes(data)
    half = [key for key in kept if key not in {piece.key for piece in place.store.pieces(upload.id)}]
    for order, key in enumerate(half):
        slot = _slot(upload.id, key, order)
        place.store.plan(slot, SENDER.provider)
        if order:
            place.store.keep(slot, MIB)
    place.clock.advance(3 * 3600)
    await inbox.care.tidy_up()
    assert sum(map(len, place.objects().values())) == FIVE


def _slot(upload: str, key: str, order: int):
    from opengdi.archive.uploads.model import PieceSlot

    return PieceSlot(key, upload, 2, "f" * 32, order, b"")


async def endless(data: bytes):
    for chunk in chunks(data):
        yield chunk
    await asyncio.Event().wait()


async def test_an_upload_that_was_being_handed_over_when_its_process_died_is_handed_over(place, inbox):
    upload = await inbox.begin(SENDER, wish())
    await put_parts(inbox, upload, three_parts(DATA))
    parts = tuple(place.store.parts(upload.id).values())
    place.store.claim(upload.id, size_bytes=len(DATA), etag="e", parts=parts)
    place.clock.advance(120)
    await inbox.care.tidy_up()
    done = await inbox.find(SENDER, upload.id, Protocol.S3)
    assert done.state is UploadState.COMPLETED
    assert place.taken(done.file) == DATA


async def claimed(place: Place, inbox: Inbox, path: str) -> Upload:
    """An upload whose process died when it began to hand it over."""
    upload = await inbox.begin(SENDER, wish(path, TUS, length=len(DATA)))
    await inbox.append(upload, 0, body(*chunks(DATA)))
    return place.store.claim(upload.id, size_bytes=len(DATA), etag="")


def spoil(place: Place, id_: str) -> None:
    """Make a row that nobody can read."""
    with place.engine.begin() as connection:
        connection.execute(text("UPDATE uploads SET declared = '?' WHERE id = :id"), {"id": id_})


async def test_an_upload_that_cannot_be_handed_over_delays_no_other(place, inbox, caplog):
    bad, good = [await claimed(place, inbox, path) for path in ("a.c4gh", "b.c4gh")]
    left = await inbox.begin(SENDER, wish("c.c4gh", TUS, length=len(DATA)))
    await inbox.append(left, 0, body(*chunks(DATA)))
    given_up = await inbox.begin(SENDER, wish("d.c4gh"))
    await put_parts(inbox, given_up, {1: DATA[:FIVE]})
    place.store.give_up(given_up.id)
    for spoilt in (bad, left):
        spoil(place, spoilt.id)
    place.clock.advance(120)
    await inbox.care.tidy_up()
    assert (await inbox.find(SENDER, good.id, TUS)).state is UploadState.COMPLETED
    assert sum(map(len, place.objects().values())) == 3 * len(DATA)
    assert bad.id in caplog.text


async def test_an_upload_whose_process_died_while_it_was_handed_over_goes_on_when_its_sender_looks(
    place, inbox
):
    upload = await claimed(place, inbox, "a.c4gh")
    assert upload.is_whole
    done = await inbox.complete(upload)
    assert (done.state, done.is_whole) == (UploadState.COMPLETED, False)
    assert place.taken(done.file) == DATA


async def test_an_object_that_cannot_be_removed_delays_no_other_and_is_removed_later(place, inbox, caplog):
    upload = await inbox.begin(SENDER, wish())
    await put_parts(inbox, upload, three_parts(DATA))
    place.storage.failures = 1
    await inbox.give_up(upload)
    assert len(place.objects()) == 1
    assert "stays in the inbox for now" in caplog.text
    await inbox.care.tidy_up()
    assert not place.objects()


async def test_the_care_of_the_inbox_goes_on_after_the_database_was_away(place):
    inbox = place.inbox(care_s=0.01)
    upload = await claimed(place, inbox, "a.c4gh")
    place.clock.advance(120)
    with place.engine.begin() as connection:
        connection.execute(text("ALTER TABLE uploads RENAME TO away"))
    keeping = asyncio.create_task(inbox.care.keep_tidy())
    await asyncio.sleep(0.1)
    with place.engine.begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO uploads"))
    async with asyncio.timeout(20):
        while (await inbox.find(SENDER, upload.id, TUS)).state is not UploadState.COMPLETED:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    keeping.cancel()


async def test_an_upload_that_the_archive_never_takes_is_given_up_in_its_time(place, inbox):
    late = await inbox.begin(SENDER, wish(protocol=TUS, length=len(DATA)))
    first = await inbox.begin(SENDER, wish())
    done = await inbox.complete_parts(first, await put_parts(inbox, first, three_parts(DATA)))
    await inbox.append(late, 0, body(*chunks(DATA)))
    for _ in range(8):
        place.clock.advance(86_400)
        await inbox.care.tidy_up()
    with pytest.raises(NoSuchUpload):
        await inbox.find(SENDER, late.id, TUS)
    assert place.taken(done.file) == DATA
    assert sum(map(len, place.objects().values())) == len(DATA)


# what no name can be


@pytest.mark.parametrize("name", ["\0", "a\0b", "\udcff"], ids=["nul", "a nul within", "no character"])
async def test_a_name_that_no_database_can_hold_is_one_that_is_not_there(inbox, name):
    with pytest.raises(NoSuchUpload):
        await inbox.find(SENDER, name, TUS)
    with pytest.raises(NotFound):
        await inbox.completed(SENDER, name)
    with pytest.raises(Invalid):
        await inbox.begin(SENDER, wish(name))
    assert await inbox.completed_of(SENDER, name, 10) == []
    assert await inbox.uploads_of(SENDER, Protocol.S3, (name, name), 10) == []
