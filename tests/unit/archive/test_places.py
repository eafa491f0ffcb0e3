"""Names of objects: apart from each other, and the place can be read from each."""

from __future__ import annotations

import pytest
from tests.encrypted_uploads import PLACE

from opengdi.archive import places
from opengdi.kernel.storage import checked_key


@pytest.mark.parametrize(
    "place, volume",
    [(PLACE, ""), (places.named_place("c0ffee"), ""), (places.named_place("c0ffee", "disk2"), "disk2")],
)
def test_every_object_of_a_file_has_a_key_of_its_own_that_names_its_place(place: str, volume: str) -> None:
    keys = [*places.all_keys(place), places.former_header_key(place, "0f" * 32)]
    assert len(set(keys)) == len(keys) == 6
    for key in keys:
        assert checked_key(key) == key
        assert (places.place_of(key), places.volume_of(key)) == (place, volume)


def test_what_is_no_object_of_a_file_is_in_the_first_place() -> None:
    assert places.volume_of("health") == ""


def test_former_headers_of_two_keys_are_two_objects() -> None:
    assert places.former_header_key(PLACE, "ab" * 32) != places.former_header_key(PLACE, "cd" * 32)
