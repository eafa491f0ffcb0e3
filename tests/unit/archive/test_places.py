"""Names of objects: apart from each other, and the place can be read from each."""

from __future__ import annotations

from tests.encrypted_uploads import PLACE

from opengdi.archive import places
from opengdi.kernel.storage import checked_key


def test_every_object_of_a_file_has_a_key_of_its_own_that_names_its_place() -> None:
    keys = [*places.all_keys(PLACE), places.former_header_key(PLACE, "0f" * 32)]
    assert len(set(keys)) == len(keys) == 6
    for key in keys:
        assert checked_key(key) == key
        assert places.place_of(key) == PLACE


def test_former_headers_of_two_keys_are_two_objects() -> None:
    assert places.former_header_key(PLACE, "ab" * 32) != places.former_header_key(PLACE, "cd" * 32)
