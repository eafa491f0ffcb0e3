"""Which files are submitted, under which names, and the bytes that leave for them."""

from __future__ import annotations

import hashlib
import io
import stat

import pytest

from opengdi.apps.submission import encoding
from opengdi.apps.submission.encoding import batches, sent_bytes, with_fresh_keys
from opengdi.apps.submission.key import trusted_key
from opengdi.apps.submission.notes import Mark, Notes, Recipe, place_of
from opengdi.apps.submission.plan import plan
from opengdi.kernel.errors import Invalid, NotFound
from opengdi.standards.crypt4gh import (
    SEGMENT,
    BodyDecryptor,
    HeaderReader,
    PrivateKey,
    open_header,
    public_key_text,
)

NODE = PrivateKey(b"\x03" * 32)
OTHER = PrivateKey(b"\x04" * 32).public
SIZES = [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 5 * SEGMENT + 77]


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch):
    monkeypatch.setattr(encoding, "BATCH_BYTES", 2 * SEGMENT)


def recipe(size: int) -> Recipe:
    bare = Recipe("https://node.example", "/a", "a.c4gh", "", size, 1, encoding.BATCH_BYTES, str(NODE.public))
    return with_fresh_keys(bare, NODE.public)


def made(recipe: Recipe, plain: bytes) -> bytes:
    return b"".join(batch.data for batch in batches(recipe, io.BytesIO(plain)))


def noise(size: int) -> bytes:
    return hashlib.shake_128(b"seed").digest(size)


@pytest.mark.parametrize("size", SIZES)
def test_what_leaves_opens_for_the_node_and_has_the_size_that_was_announced(size):
    told = recipe(size)
    data = made(told, noise(size))
    assert len(data) == sent_bytes(told)
    reader = HeaderReader()
    assert reader.feed(data) is not None
    header = open_header(reader.raw, [NODE]).header
    body = BodyDecryptor(header.data_keys)
    assert bytes(body.feed(reader.rest)) + bytes(body.finish()) == noise(size)


@pytest.mark.parametrize("size", SIZES)
def test_the_same_recipe_makes_the_same_bytes_and_another_one_others(size):
    told = recipe(size)
    assert made(told, noise(size)) == made(told, noise(size))
    assert made(told, noise(size)) != made(recipe(size), noise(size))


def test_no_nonce_is_used_twice_also_where_the_count_goes_round():
    told = recipe(6 * SEGMENT)
    told = Recipe(
        **{**{name: getattr(told, name) for name in Recipe.__slots__}, "first_nonce": "/v" + "/" * 14}
    )
    data = made(told, noise(6 * SEGMENT))[124:]
    nonces = [data[start : start + 12] for start in range(0, len(data), SEGMENT + 28)]
    assert len(set(nonces)) == 6


def test_each_batch_tells_digests_of_all_up_to_it():
    plain, told = noise(5 * SEGMENT), recipe(5 * SEGMENT)
    found = list(batches(told, io.BytesIO(plain)))
    assert [batch.mark.upto for batch in found] == [2 * SEGMENT, 4 * SEGMENT, 5 * SEGMENT]
    assert [batch.is_last for batch in found] == [False, False, True]
    assert found[1].mark.sha256 == hashlib.sha256(plain[: 4 * SEGMENT]).hexdigest()
    assert found[-1].sha256 == hashlib.sha256(made(told, plain)).hexdigest()
    assert [batch.start for batch in found[1:]] == [batch.stop for batch in found[:-1]]


def test_notes_are_the_owners_only_and_come_back(tmp_path):
    place = place_of(tmp_path, "https://node.example", tmp_path / "a", "a.c4gh")
    notes = Notes(place, recipe(10))
    notes.write(notes.recipe)
    notes.add(Mark(5, "aa"))
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    read = Notes.read(place)
    assert read is not None
    assert read.recipe == notes.recipe
    assert (read.agrees(Mark(5, "aa")), read.agrees(Mark(5, "bb")), read.agrees(Mark(6, "cc"))) == (
        True,
        False,
        True,
    )


def test_a_mark_that_a_crash_cut_off_covers_nothing(tmp_path):
    notes = Notes(tmp_path / "n", recipe(10))
    notes.write(notes.recipe)
    notes.add(Mark(5, "aa"))
    (tmp_path / "n").write_bytes((tmp_path / "n").read_bytes()[:-4])
    read = Notes.read(tmp_path / "n")
    assert read is not None
    assert read.agrees(Mark(5, "bb"))


@pytest.mark.parametrize("content", [None, b"", b"{}\n", b"\xff"])
def test_notes_that_are_none_are_as_if_not_there(tmp_path, content):
    if content is not None:
        (tmp_path / "n").write_bytes(content)
    assert Notes.read(tmp_path / "n") is None


def test_the_data_key_is_not_shown():
    told = recipe(1)
    assert told.data_key not in repr(told)


def test_a_folder_is_sent_by_the_paths_below_it(tmp_path):
    for name in ("b/x.bam", "a.vcf.gz", ".hidden", ".git/x", "a.vcf.gz.md5", "b/x.sha256"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "done.c4gh").write_bytes(b"crypt4gh\x01\x00\x00\x00")
    found = plan([tmp_path], "batch-1/")
    assert [(item.path, item.encrypted) for item in found.items] == [
        ("batch-1/a.vcf.gz.c4gh", False),
        ("batch-1/b/x.bam.c4gh", False),
        ("batch-1/done.c4gh", True),
    ]
    assert len(found.left_out) == 4


def test_a_plan_that_cannot_be_is_refused(tmp_path):
    with pytest.raises(Invalid, match="no file to submit"):
        plan([tmp_path])
    with pytest.raises(NotFound, match="nowhere"):
        plan([tmp_path / "nowhere"])
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same").write_bytes(b"x")
    with pytest.raises(Invalid, match=r"several files would be 'same\.c4gh'"):
        plan([tmp_path / "a", tmp_path / "b"])


def never(question: str) -> bool:
    raise AssertionError(question)


def test_a_pinned_key_must_be_the_one_that_the_node_tells(tmp_path):
    file = tmp_path / "node.pub"
    file.write_text(public_key_text(NODE.public))
    for pinned in (str(NODE.public), public_key_text(NODE.public), str(file)):
        assert trusted_key("https://n", NODE.public, pinned, tmp_path, never) == NODE.public
    with pytest.raises(Invalid, match="not the pinned one"):
        trusted_key("https://n", OTHER, str(file), tmp_path, never)
    with pytest.raises(Invalid, match="--key"):
        trusted_key("https://n", OTHER, "no key", tmp_path, never)


def test_a_key_is_asked_for_once_and_remembered(tmp_path):
    asked = []

    def yes(question: str) -> bool:
        asked.append(question)
        return True

    assert trusted_key("https://n", NODE.public, "", tmp_path, yes) == NODE.public
    assert trusted_key("https://n", NODE.public, "", tmp_path, never) == NODE.public
    assert len(asked) == 1
    with pytest.raises(Invalid, match=r"had .* before"):
        trusted_key("https://n", OTHER, "", tmp_path, never)
    with pytest.raises(Invalid, match="not confirmed"):
        trusted_key("https://other", OTHER, "", tmp_path, lambda _question: False)
