"""Whatever is done to a chain, the verifier says what and where."""

from __future__ import annotations

from io import BytesIO

from hypothesis import given
from hypothesis import strategies as st

from opengdi.kernel.audit.chain import (
    CHECKPOINT_PURPOSE,
    Checkpoint,
    Event,
    Head,
    Outcome,
    genesis,
    signed_payload,
    write_line,
)
from opengdi.kernel.audit.verification import ChainReport, ChainVerifier, Wrong
from opengdi.kernel.keys import SigningKey

KEY, STRANGER = SigningKey.generate(), SigningKey.generate()
TIME = "2026-01-01T00:00:00+00:00"


def event(seq: int, action: str = "beacon.query") -> Event:
    return Event(seq, TIME, "token:portal", action, Outcome.DONE, (f"variant:{seq}",))


def chain(
    length: int, *, checkpoints: tuple[int, ...] = (), key: SigningKey = KEY, writer: str = "node-1"
) -> list[bytes]:
    """Lines of a chain whose links at `checkpoints` are signatures and all others events."""
    lines, head = [], genesis(writer)
    for seq in range(1, length + 1):
        link: Event | Checkpoint = event(seq)
        if seq in checkpoints:
            link = Checkpoint(seq, key.sign(signed_payload(writer, head, TIME), purpose=CHECKPOINT_PURPOSE))
        line, digest = write_line(head.digest, link)
        head = Head(seq, digest)
        lines.append(line)
    return lines


def verified(
    lines: list[bytes], *, kept: str | None = None, keys=(KEY.public,), writer: str = "node-1"
) -> ChainReport:
    verifier = ChainVerifier(writer, keys)
    verifier.open_segment("000000000001.jsonl")
    for line in lines:
        verifier.feed(line)
    return verifier.finish(kept)


def wrongs(report: ChainReport) -> list[tuple[Wrong, int]]:
    return [(fault.wrong, fault.line) for fault in report.faults]


WHOLE = chain(12, checkpoints=(4, 9))


def test_a_whole_chain_holds_and_tells_what_signatures_cover() -> None:
    report = verified(WHOLE)
    assert report.holds
    assert (report.events, report.covered, report.checkpoints, report.last_seq) == (10, 7, 2, 12)


def test_without_a_key_the_links_are_checked_and_nothing_is_called_covered() -> None:
    report = verified(WHOLE, keys=())
    assert report.holds
    assert not report.signatures_checked
    assert report.covered == 0


@given(position=st.integers(0, sum(map(len, WHOLE)) - 1), flip=st.integers(1, 255))
def test_any_single_changed_byte_is_found(position: int, flip: int) -> None:
    whole = bytearray(b"".join(WHOLE))
    whole[position] ^= flip
    assert not verified(list(BytesIO(whole))).holds


@given(position=st.integers(0, sum(map(len, WHOLE)) - 1))
def test_any_single_removed_byte_is_found(position: int) -> None:
    whole = b"".join(WHOLE)
    assert not verified(list(BytesIO(whole[:position] + whole[position + 1 :]))).holds


def test_a_changed_line_is_named_once() -> None:
    lines = [*WHOLE]
    lines[5] = lines[5].replace(b"token:portal", b"token:nobody")
    assert wrongs(verified(lines)) == [(Wrong.CHANGED, 6)]


def test_a_changed_hash_is_named_once() -> None:
    lines = [*WHOLE]
    lines[5] = lines[5].replace(lines[5][9:11], b"00" if lines[5][9:11] != b"00" else b"11", 1)
    assert wrongs(verified(lines)) == [(Wrong.CHANGED, 6)]


def test_a_removed_line_is_named_where_it_is_missing() -> None:
    report = verified(WHOLE[:5] + WHOLE[6:])
    assert wrongs(report) == [(Wrong.REMOVED, 6)]
    assert "links 6 to 6 are missing" in report.faults[0].message


def test_a_removed_checkpoint_is_found_like_any_line() -> None:
    assert wrongs(verified(WHOLE[:3] + WHOLE[4:])) == [(Wrong.REMOVED, 4)]


def test_a_repeated_line_is_named() -> None:
    assert wrongs(verified(WHOLE[:6] + WHOLE[5:])) == [(Wrong.OUT_OF_ORDER, 7)]


def test_an_invented_line_is_named() -> None:
    forged, _ = write_line(b"\0" * 32, event(7, "dataset.withdraw"))
    found = wrongs(verified([*WHOLE[:6], forged, *WHOLE[6:]]))
    assert found[0] == (Wrong.CHANGED, 7)


def test_swapped_lines_are_found_and_the_rest_is_not_blamed() -> None:
    lines = [*WHOLE]
    lines[5], lines[6] = lines[6], lines[5]
    assert wrongs(verified(lines)) == [(Wrong.REMOVED, 6), (Wrong.OUT_OF_ORDER, 7)]


def test_a_chain_rewritten_without_the_key_is_found_at_its_checkpoint() -> None:
    lines, head = [], genesis("node-1")
    for seq in range(1, 6):
        link: Event | Checkpoint = event(seq, "nothing.happened")
        if seq == 4:
            link = Checkpoint(4, _jws_of(WHOLE[3]))
        line, digest = write_line(head.digest, link)
        head = Head(seq, digest)
        lines.append(line)
    report = verified(lines)
    assert wrongs(report) == [(Wrong.SIGNATURE, 4), (Wrong.UNSIGNED, 0)]
    assert "signs another history" in report.faults[0].message


def _jws_of(line: bytes) -> str:
    return line.split(b'"jws":"')[1].split(b'"')[0].decode()


def test_a_foreign_signature_is_named_with_its_key() -> None:
    report = verified(chain(5, checkpoints=(3,), key=STRANGER))
    assert wrongs(report) == [(Wrong.SIGNATURE, 3), (Wrong.UNSIGNED, 0)]
    assert STRANGER.key_id in report.faults[0].message


def test_a_former_key_is_trusted_beside_the_present_one() -> None:
    assert verified(chain(5, checkpoints=(3,), key=STRANGER), keys=(KEY.public, STRANGER.public)).holds


def test_a_chain_of_another_writer_does_not_fit() -> None:
    assert not verified(WHOLE, writer="node-2").holds


def test_a_tail_cut_after_the_last_checkpoint_shows_as_fewer_uncovered_events() -> None:
    report = verified(WHOLE[:10])
    assert report.holds
    assert (report.events, report.covered) == (8, 7)


def test_a_tail_cut_before_a_checkpoint_kept_apart_is_found() -> None:
    report = verified(WHOLE[:6], kept=_jws_of(WHOLE[8]))
    assert wrongs(report) == [(Wrong.TRUNCATED, 0)]
    assert "ends at link 6" in report.faults[0].message
    assert verified(WHOLE, kept=_jws_of(WHOLE[8])).holds


def test_an_incomplete_last_line_is_named() -> None:
    assert wrongs(verified([*WHOLE[:11], WHOLE[11][:-1]])) == [(Wrong.TORN, 12)]


def test_a_chain_that_nobody_signed_is_found() -> None:
    assert wrongs(verified(chain(5))) == [(Wrong.UNSIGNED, 0)]
