"""The table of transitions, what is declared against what is found, and the names a provider may give."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.archive.model import UNDER_WAY, Act, DatasetState, Declared, Digests, FileState
from opengdi.archive.rules import (
    PERMITTED,
    TRANSITIONS,
    checked_dataset,
    checked_declared,
    checked_path,
    checked_upload,
    follow,
    follow_dataset,
    mismatches,
    rest_before,
)
from opengdi.archive.workflows import Patience
from opengdi.kernel.errors import Conflict, Invalid

BY_PEOPLE = {Act.RETRY, Act.CANCEL, Act.DISABLE}
BY_JOBS = {Act.SUBMIT, Act.INGEST, Act.ARCHIVE, Act.VERIFY, Act.FINISH, Act.FAIL}
WAY = [Act.SUBMIT, Act.INGEST, Act.ARCHIVE, Act.VERIFY, Act.FINISH]

acts = st.sampled_from(sorted(TRANSITIONS, key=str))
states = st.sampled_from(list(FileState))
digest = st.text("0123456789abcdef", min_size=64, max_size=64)


@given(st.lists(acts, max_size=30))
def test_whatever_is_told_in_whatever_order_only_permitted_steps_happen(told: list[Act]) -> None:
    state, log = FileState.UPLOADED, [(None, FileState.UPLOADED)]
    for act in told:
        try:
            after = follow(state, act)
        except Conflict:
            continue
        if after is not None:
            log.append((state, after))
            state = after
    assert set(log) <= PERMITTED
    assert len(set(log)) == len(log) or Act.RETRY in told


@given(states, acts)
def test_an_act_that_was_done_is_done_no_second_time(state: FileState, act: Act) -> None:
    try:
        after = follow(state, act)
    except Conflict:
        return
    if after is not None:
        assert follow(after, act) is None


@pytest.mark.parametrize("act", sorted(BY_JOBS))
@pytest.mark.parametrize("state", [FileState.READY, FileState.ERROR, FileState.DISABLED])
def test_a_job_that_comes_too_late_does_nothing(state: FileState, act: Act) -> None:
    """Peers answer a second message about an archived file with an error, and send it again for ever."""
    assert follow(state, act) is None


def test_no_step_of_the_way_is_left_out() -> None:
    state = FileState.UPLOADED
    for act, after_next in pairwise(WAY):
        with pytest.raises(Conflict, match=f"{state} cannot be told to {after_next}"):
            follow(state, after_next)
        state = TRANSITIONS[act][state]


def test_the_way_leads_from_uploaded_to_ready() -> None:
    state = FileState.UPLOADED
    for act in WAY:
        after = follow(state, act)
        assert after is not None
        state = after
    assert state is FileState.READY


def test_nothing_leaves_disabled_and_nothing_makes_a_ready_file_anything_but_disabled() -> None:
    assert not [pair for pair in PERMITTED if pair[0] is FileState.DISABLED]
    assert {after for before, after in PERMITTED if before is FileState.READY} == {FileState.DISABLED}


def test_every_state_under_way_can_fail() -> None:
    assert set(TRANSITIONS[Act.FAIL]) == set(UNDER_WAY)


@pytest.mark.parametrize("state", [FileState.UPLOADED, FileState.READY, FileState.DISABLED])
def test_people_cannot_retry_what_is_not_in_error(state: FileState) -> None:
    with pytest.raises(Conflict, match=f"a file that is {state} cannot be told to retry; .* be error"):
        follow(state, Act.RETRY)


def test_a_deprecated_dataset_stays_so() -> None:
    assert follow_dataset(DatasetState.REGISTERED, DatasetState.RELEASED)
    assert not follow_dataset(DatasetState.RELEASED, DatasetState.RELEASED)
    with pytest.raises(Conflict, match="deprecated cannot become released"):
        follow_dataset(DatasetState.DEPRECATED, DatasetState.RELEASED)


@given(st.builds(Digests, digest, digest, digest, digest, digest))
def test_what_is_declared_as_it_is_agrees(found: Digests) -> None:
    declared = Declared(found.sha256, found.md5, found.plain_sha256, found.plain_md5)
    assert mismatches(declared, found) == ()
    assert mismatches(Declared(), found) == ()


@given(st.builds(Digests, digest, digest, digest, digest, digest), digest, st.sampled_from(fields(Declared)))
def test_each_wrong_digest_is_named_with_both_values(found: Digests, wrong: str, field) -> None:
    is_ = getattr(found, field.name)
    if wrong != is_:
        (told,) = mismatches(Declared(**{field.name: wrong}), found)
        assert wrong in told
        assert is_ in told


def test_a_declared_md5_that_was_not_computed_does_not_agree() -> None:
    assert mismatches(Declared(md5="0" * 32), Digests("1" * 64, "2" * 64)) == (
        f"MD5 of the encrypted file is not known, but {'0' * 32} was declared",
    )


def test_declared_digests_are_read_in_either_case_and_must_be_digests() -> None:
    assert checked_declared(Declared(sha256="AB" * 32)) == Declared(sha256="ab" * 32)
    for wrong in (Declared(sha256="ab"), Declared(md5="g" * 32), Declared(plain_md5="a" * 64)):
        with pytest.raises(Invalid, match="hexadecimal digits"):
            checked_declared(wrong)


@pytest.mark.parametrize("path", ["a.bam", "run 7/Ä.cram", "x" * 1024, "a/b/c.vcf.gz"])
def test_a_providers_own_name_is_kept_as_it_is(path: str) -> None:
    assert checked_path(path) == path


@pytest.mark.parametrize(
    "path", ["", "/a", "a//b", "a/", "a/../b", "./a", "x" * 1025, "a\nb", "a\x00", "a\u202eb"]
)
def test_a_name_that_misleads_is_refused(path: str) -> None:
    with pytest.raises(Invalid, match="must be printable"):
        checked_path(path)


@pytest.mark.parametrize("dataset", ["GDI-EE-TEST-1", "https://doi.org/10.1000//a?b#c", "EGAD00000000001"])
def test_a_dataset_may_be_named_by_a_url(dataset: str) -> None:
    assert checked_dataset(dataset) == dataset


@pytest.mark.parametrize("dataset", ["", "a b", "a\n", "x" * 129])
def test_a_dataset_without_a_usable_name_is_refused(dataset: str) -> None:
    with pytest.raises(Invalid, match="without spaces"):
        checked_dataset(dataset)


@pytest.mark.parametrize("upload", ["", "a b", "../x", "x" * 65])
def test_the_id_of_an_upload_is_plain(upload: str) -> None:
    with pytest.raises(Invalid, match="letters and digits"):
        checked_upload(upload)


@given(st.integers(1, 10_000))
def test_rests_grow_up_to_the_longest(attempt: int) -> None:
    rest = rest_before(attempt, first_s=2, longest_s=600)
    assert timedelta(seconds=2) <= rest <= timedelta(seconds=600)
    assert rest <= rest_before(attempt + 1, first_s=2, longest_s=600)


def test_a_round_of_attempts_ends_and_another_one_begins_with_short_rests() -> None:
    rests = [Patience(3, 1.0, 60.0).rest_after(attempt) for attempt in range(1, 7)]
    one, two = timedelta(seconds=1), timedelta(seconds=2)
    assert rests == [one, two, None, one, two, None]
