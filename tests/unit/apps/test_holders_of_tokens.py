"""Holders of tokens come from the settings, with what was opened to them and nothing else."""

from __future__ import annotations

import pytest

from opengdi.apps.holders import file_callers
from opengdi.apps.settings_file import Misconfigured, load_settings
from opengdi.kernel.errors import NotAuthenticated
from opengdi.kernel.http.callers import Callers
from opengdi.kernel.keys import Secret
from opengdi.kernel.principal import Visa
from opengdi.standards.coordinates import Interval

FILE = """
[access]
open_datasets = ["REFERENCE"]

[[access.holders]]
name = "reader"
token = "a-token-that-is-long-enough"
visas = [{ dataset = "A", regions = ["chr22:101-200"] }]

[[access.holders]]
name = "clinic"
token = "another-token-long-enough"
provider = "hospital-1"
"""


def callers(tmp_path, text: str = FILE) -> Callers:
    file = tmp_path / "gdi.toml"
    file.write_text(text, encoding="utf-8")
    return file_callers(load_settings(file, {}).access, Secret(b"k" * 32))


def scope(token: bytes | None) -> dict[str, object]:
    headers = [] if token is None else [(b"authorization", b"Bearer " + token)]
    return {"type": "http", "headers": headers, "client": ("192.0.2.7", 40000)}


def test_a_holder_has_its_visas_and_the_open_datasets(tmp_path):
    reader = callers(tmp_path).identify(scope(b"a-token-that-is-long-enough"))
    assert reader.subject == "token:reader"
    assert reader.visas == (Visa("A", (Interval("22", 100, 200),)), Visa("REFERENCE"))
    assert reader.provider == ""


def test_a_holder_may_submit_for_its_provider(tmp_path):
    assert callers(tmp_path).identify(scope(b"another-token-long-enough")).provider == "hospital-1"


def test_a_stranger_has_the_open_datasets_and_a_wrong_token_nothing(tmp_path):
    everybody = callers(tmp_path)
    assert everybody.identify(scope(None)).visas == (Visa("REFERENCE"),)
    with pytest.raises(NotAuthenticated):
        everybody.identify(scope(b"a-token-of-somebody-else"))


@pytest.mark.parametrize(
    ("good", "bad", "named"),
    [
        ('"chr22:101-200"', '"chr99:1-2"', "regions"),
        ('"chr22:101-200"', '"22:200-101"', "regions"),
        ("a-token-that-is-long-enough", "short", "token"),
        ('name = "clinic"', 'name = "reader"', "same name"),
        ('provider = "hospital-1"', 'providr = "hospital-1"', "provider"),
    ],
)
def test_a_wrong_holder_is_refused_by_its_path(tmp_path, good, bad, named):
    with pytest.raises(Misconfigured, match=named):
        callers(tmp_path, FILE.replace(good, bad))
