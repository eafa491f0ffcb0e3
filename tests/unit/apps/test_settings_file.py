"""Settings come from defaults, a TOML file and variables, in that order; what is wrong is said by path."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from opengdi.apps.setting_types import Section
from opengdi.apps.settings import Settings
from opengdi.apps.settings_file import Misconfigured, as_toml, effective, load_settings
from opengdi.kernel.audit.journal import Cadence
from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.kernel.errors import Invalid

TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def written(tmp_path: Path):
    def write(text: str) -> Path:
        file = tmp_path / "gdi.toml"
        file.write_text(text, encoding="utf-8")
        return file

    return write


def mistakes(config: Path | None, environ: dict[str, str]) -> dict[str, str]:
    with pytest.raises(Misconfigured) as caught:
        load_settings(config, environ)
    return {mistake.path: f"{mistake.reason} [{mistake.origin}]" for mistake in caught.value.mistakes}


def sections(section: type[Section] = Settings, path: str = ""):
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from sections(field.annotation, f"{path}{name}.")
        else:
            yield f"{path}{name}", field


def test_a_variable_wins_over_the_file_and_the_file_over_the_default(written):
    file = written('[node]\nid = "eu.example.a"\nname = "From the file"\n')
    settings = load_settings(file, {"GDI_NODE__ID": "eu.example.b"})
    assert (settings.node.id, settings.node.name, settings.public.port) == (
        "eu.example.b",
        "From the file",
        8080,
    )


def test_relative_paths_are_taken_from_the_folder_of_the_file(written, tmp_path):
    settings = load_settings(written('[node]\ndata_dir = "here"\nkeys_dir = "/etc/gdi/keys"\n'), {})
    assert settings.node.data_dir == tmp_path / "here"
    assert settings.node.keys_dir == Path("/etc/gdi/keys")
    assert settings.hub.data_dir == tmp_path / "hub-data"  # defaults too


def test_the_file_may_be_named_by_a_variable(written):
    file = written('[node]\nname = "Named"\n')
    assert load_settings(None, {"GDI_CONFIG": str(file)}).node.name == "Named"


def test_a_file_that_was_named_and_is_not_there_is_refused(tmp_path):
    with pytest.raises(Invalid, match=r"nowhere\.toml"):
        load_settings(tmp_path / "nowhere.toml", {})


def test_a_file_that_is_not_toml_is_refused_with_the_line(written):
    with pytest.raises(Invalid, match="line 1"):
        load_settings(written("[node\n"), {})


def test_numbers_lists_and_tables_can_be_written_in_variables():
    settings = load_settings(
        None,
        {
            "GDI_PUBLIC__PORT": "9000",
            "GDI_MANAGEMENT__ALLOW_REMOTE": "true",
            "GDI_ARCHIVE__STORAGE_OPTIONS": f'{{"secret_access_key": "{TOKEN}"}}',
            "GDI_FEDERATION__HUBS": '[{"id": "eu", "url": "https://hub.example.org/"}]',
            "GDI_BEACON__GENES__GRCH38": "/genes.parquet",
        },
    )
    assert settings.public.port == 9000
    assert settings.management.allow_remote is True
    assert settings.archive.storage_options["secret_access_key"].get_secret_value() == TOKEN
    assert settings.federation.hubs[0].url == "https://hub.example.org"
    assert settings.beacon.genes.GRCh38 == Path("/genes.parquet")


def test_an_unknown_key_in_the_file_is_refused_and_the_nearest_one_named(written):
    found = mistakes(written('[node]\ncontry = "EE"\n'), {})
    assert found.keys() == {"node.contry"}
    assert "did you mean 'country'?" in found["node.contry"]
    assert "gdi.toml" in found["node.contry"]


@pytest.mark.parametrize("variable", ["GDI_NODE__CONTRY", "GDI_NODES__COUNTRY", "GDI_COUNTRY"])
def test_an_unknown_variable_is_refused(variable):
    assert variable in " ".join(mistakes(None, {variable: "EE"}).values())


def test_variables_that_are_options_of_commands_are_no_settings():
    load_settings(None, {"GDI_QUERY_AT": "http://localhost", "GDI_QUERY_TOKEN": TOKEN, "PATH": "/bin"})


def test_all_mistakes_are_said_at_once():
    found = mistakes(
        None, {"GDI_NODE__COUNTRY": "EST", "GDI_PUBLIC__PORT": "99999", "GDI_LIMITS__BODY_BYTES": "big"}
    )
    assert found.keys() == {"node.country", "public.port", "limits.body_bytes"}
    assert "'EE' [GDI_NODE__COUNTRY]" in found["node.country"]


def test_a_variable_that_leads_through_a_value_is_refused(written):
    assert (
        "node.id" in mistakes(written('[node]\nid = "eu.example"\n'), {"GDI_NODE__ID__X": "1"}).popitem()[0]
    )


def test_a_management_listener_off_loopback_must_be_asked_for_twice():
    assert "allow_remote" in mistakes(None, {"GDI_MANAGEMENT__HOST": "0.0.0.0"})["management"]
    allowed = {"GDI_MANAGEMENT__HOST": "0.0.0.0", "GDI_MANAGEMENT__ALLOW_REMOTE": "true"}
    assert load_settings(None, allowed).management.host == "0.0.0.0"


def test_keys_inside_the_data_directory_are_refused():
    assert "keys" in mistakes(None, {"GDI_NODE__DATA_DIR": "/srv", "GDI_NODE__KEYS_DIR": "/srv/keys"})["node"]


def test_production_refuses_a_node_that_is_nowhere():
    assert "prod" in mistakes(None, {"GDI_NODE__ENVIRONMENT": "prod"})["node"]


PROD = {
    "GDI_NODE__ENVIRONMENT": "prod",
    "GDI_NODE__COUNTRY": "EE",
    "GDI_NODE__ID": "eu.example.ee",
    "GDI_NODE__ORGANISATION__ID": "eu.example",
    "GDI_NODE__ORGANISATION__NAME": "An institute",
}


@pytest.mark.parametrize(
    ("variable", "default", "named"),
    [
        ("NODE__COUNTRY", "XX", "country"),
        ("NODE__ID", "org.example.node", "id"),
        ("NODE__ORGANISATION__ID", "org.example", "organisation.id"),
        ("NODE__ORGANISATION__NAME", "Unnamed organisation", "organisation.name"),
    ],
)
def test_production_refuses_the_names_that_a_laptop_starts_with(variable, default, named):
    assert mistakes(None, PROD | {f"GDI_{variable}": default})["node"].startswith(
        f"environment 'prod' refuses what names nobody: set {named} ["
    )
    assert load_settings(None, PROD).node.environment == "prod"


def test_production_refuses_a_hub_that_nobody_runs():
    hub = {"GDI_HUB__ENVIRONMENT": "prod", "GDI_HUB__ID": "eu.example.hub"}
    assert "organisation.id, organisation.name" in mistakes(None, hub)["hub"]


def test_production_must_know_its_address_where_others_reach_it():
    reached = PROD | {"GDI_PUBLIC__HOST": "0.0.0.0"}
    assert mistakes(None, reached).keys() == {"public.external_url"}
    assert load_settings(None, reached | {"GDI_PUBLIC__EXTERNAL_URL": "https://node.example.ee"})


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"GDI_BEACON__INDIVIDUALS_PATH": "/beacon/aggregated/v2"}, "is given twice"),
        (
            {"GDI_BEACON__INDIVIDUALS_PATH": "/beacon/aggregated/v2/people"},
            "lies below /beacon/aggregated/v2:",
        ),
        ({"GDI_BEACON__INDIVIDUALS_PATH": "/api"}, "is given twice"),
        ({"GDI_BEACON__ALIASES": '{"/x": "aggregated", "/x/y": "individuals"}'}, "/x/y lies below /x:"),
    ],
)
def test_one_beacon_does_not_hide_the_other(settings, reason):
    assert reason in mistakes(None, settings)["beacon"]


@pytest.mark.parametrize(
    ("variable", "path", "instead"),
    [
        ("GDI_BEACON__TOKENS__PORTAL", "beacon.tokens", "gdi key new --registered"),
        ("GDI_ACCESS__HOLDERS", "access.holders", "gdi key new"),
        ("GDI_HUB__TOKENS__PORTAL", "hub.tokens", "gdi key new --registered"),
        ("GDI_HUB__MEMBER_TOKENS__EE", "hub.member_tokens", "the hub signs what it asks"),
    ],
)
def test_what_took_the_place_of_static_tokens_is_told_and_no_token_repeated(variable, path, instead):
    told = mistakes(None, {variable: "hunter2-hunter2-hunter2"})[path]
    assert "no setting any more" in told
    assert instead in told
    assert "hunter2" not in told


def test_secrets_never_print():
    settings = load_settings(
        None,
        {
            "GDI_ARCHIVE__STORAGE_OPTIONS__SECRET_ACCESS_KEY": TOKEN,
            "GDI_DATABASE__URL": "postgresql+psycopg://gdi:hunter2@db.example/gdi",
        },
    )
    for printed in (repr(settings), str(settings), str(effective(settings)), as_toml(settings)):
        assert TOKEN not in printed
        assert "hunter2" not in printed
    assert effective(settings)["archive"]["storage_options"] == {"secret_access_key": "***"}
    assert effective(settings)["database"]["url"] == "postgresql+psycopg://gdi:***@db.example/gdi"


def test_a_mistake_never_repeats_a_secret():
    assert "hunter2" not in str(mistakes(None, {"GDI_DATABASE__URL__X": "hunter2"}))


def test_what_is_shown_can_be_read_back():
    settings = load_settings(None, {"GDI_NODE__COUNTRY": "EE"})
    for explained in (False, True):
        assert Settings.model_validate(tomllib.loads(as_toml(settings, explained=explained))) == settings


def test_settings_do_not_change():
    with pytest.raises(ValueError, match="frozen"):
        Settings().node.id = "other"


@pytest.mark.parametrize("path, field", [pytest.param(*item, id=item[0]) for item in sections()])
def test_every_setting_is_explained(path, field):
    assert field.description, f"{path} has no description"
    assert field.description.endswith("."), f"{path}: the description is a sentence"


def test_the_audit_settings_are_the_cadence_of_the_journal():
    assert Cadence(**Settings().audit.model_dump()) == Cadence()


def test_the_disclosure_settings_are_those_of_the_policy():
    assert Settings().disclosure.policy == DisclosurePolicy()
    assert set(type(Settings().disclosure).model_fields) == {field.name for field in fields(DisclosurePolicy)}
