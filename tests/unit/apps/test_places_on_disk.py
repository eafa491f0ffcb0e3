"""What the operating system tells about the places where data lie."""

from __future__ import annotations

import stat

from opengdi.apps.disk import is_encrypted, make_private_folder, open_to_others, write_private


def test_a_crypt_device_is_encrypted(sysfs, tmp_path):
    assert is_encrypted(tmp_path, sysfs("CRYPT-LUKS2-0123-data")) is True


def test_a_plain_device_is_not(sysfs, tmp_path):
    assert is_encrypted(tmp_path, sysfs("LVM-0123")) is False


def test_a_volume_is_encrypted_if_every_disk_below_it_is(sysfs, tmp_path):
    assert (
        is_encrypted(tmp_path, sysfs("LVM-0123", {"dm-1": "CRYPT-LUKS2-1", "dm-2": "CRYPT-LUKS2-2"})) is True
    )


def test_a_volume_with_one_plain_disk_is_not(sysfs, tmp_path):
    assert is_encrypted(tmp_path, sysfs("LVM-0123", {"dm-1": "CRYPT-LUKS2-1", "dm-2": "LVM-2"})) is False


def test_where_the_kernel_tells_nothing_it_cannot_be_told(tmp_path):
    assert is_encrypted(tmp_path, tmp_path / "no-sysfs") is None


def test_a_folder_that_is_not_made_yet_counts_as_the_one_it_will_be_in(sysfs, tmp_path):
    assert is_encrypted(tmp_path / "a" / "b", sysfs("CRYPT-LUKS2-0123")) is True


def test_a_private_folder_is_closed_to_others_even_if_it_was_open(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    assert open_to_others(folder)
    make_private_folder(folder)
    assert not open_to_others(folder)
    make_private_folder(tmp_path / "new" / "data")
    assert stat.S_IMODE((tmp_path / "new" / "data").stat().st_mode) == 0o700


def test_a_private_file_is_replaced_whole_and_leaves_no_draft(tmp_path):
    file = tmp_path / "listening.json"
    write_private(file, "old")
    write_private(file, "new")
    assert file.read_text() == "new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]
