"""`gdi config check` warns of what can be used but should be thought about."""

from __future__ import annotations

from pathlib import Path

import pytest

from opengdi.apps.commands.config import warnings
from opengdi.apps.settings_file import load_settings


@pytest.fixture
def told(tmp_path: Path):
    """Warnings for variables, in a folder with a node's data and keys."""

    def about(sysfs: Path = tmp_path / "no-sysfs", **variables: str) -> str:
        environ = {"GDI_NODE__DATA_DIR": str(tmp_path / "data"), "GDI_NODE__KEYS_DIR": str(tmp_path / "keys")}
        return "\n".join(warnings(load_settings(None, environ | variables), sysfs))

    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "keys").mkdir(mode=0o700)
    return about


def test_folders_that_others_may_read_are_named(told, tmp_path):
    (tmp_path / "keys").chmod(0o750)
    assert f"node.keys_dir: {tmp_path / 'keys'} can be read by others" in told()
    (tmp_path / "keys").chmod(0o700)
    assert "keys_dir" not in told()


def test_a_plain_disk_is_named(told, sysfs):
    assert "does not lie on an encrypted" in told(sysfs("LVM-1"))


def test_an_encrypted_disk_and_one_that_tells_nothing_are_not(told, sysfs):
    assert told(sysfs("CRYPT-LUKS2-1")) == told() == ""


def test_a_management_listener_for_everybody_is_pointed_out(told):
    assert "management.allow_remote" in told(GDI_MANAGEMENT__ALLOW_REMOTE="true")


PROD = {
    "GDI_NODE__ENVIRONMENT": "prod",
    "GDI_NODE__COUNTRY": "EE",
    "GDI_NODE__ID": "eu.example.ee",
    "GDI_NODE__ORGANISATION__ID": "eu.example",
    "GDI_NODE__ORGANISATION__NAME": "An institute",
}


def test_production_without_an_address_of_its_own_is_pointed_out(told):
    assert "public.external_url" in told(**PROD)
    assert "public.external_url" not in told(**PROD, GDI_PUBLIC__EXTERNAL_URL="https://node.example.ee")


def test_production_on_the_database_of_a_laptop_is_pointed_out(told):
    assert "database.url" in told(**PROD)
    assert "database.url" not in told(**PROD, GDI_DATABASE__URL="postgresql://gdi@db/gdi")


@pytest.mark.parametrize(
    ("name", "weaker", "stricter"),
    [("K_ALLELES", "0", "20"), ("COUNT_ROUNDING", "1", "10"), ("AF_BUDGET_FACTOR", "1000", "0.1")],
)
def test_a_policy_that_discloses_more_than_the_default_is_pointed_out(told, name, weaker, stricter):
    variable = f"GDI_DISCLOSURE__{name}"
    assert f"disclosure.{name.lower()}: {weaker}" in told(**{variable: weaker})
    assert "disclosure" not in told(**{variable: stricter})
