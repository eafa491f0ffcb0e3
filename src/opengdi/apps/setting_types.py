"""What a setting may be: addresses, paths, secrets; and `Section`, a part of the tree of settings.

Relative paths are taken from the folder of the TOML file.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
)

from opengdi.kernel.errors import Invalid
from opengdi.kernel.ids import country_code
from opengdi.kernel.mail import checked_address

ENVIRONMENT_PREFIX = "GDI_"

UNSET_COUNTRY = "XX"
"""ISO 3166-1 keeps XX for private use: a node that has not been told where it stands."""

UNSET_NAME = "Unnamed organisation"
UNSET_DOMAIN = "org.example"

SHORTEST_TOKEN = 16
"""Characters of a secret that two services share."""


class SecretText(SecretStr):
    """A password or token: prints as `***` wherever it goes; `get_secret_value()` is said where it is used."""

    def _display(self) -> str:
        return "***" if self.get_secret_value() else ""


class SecretUrl(SecretText):
    """A URL that may hold a password: everything prints but the password."""

    def _display(self) -> str:
        parts = urlsplit(self.get_secret_value())
        if not parts.password:
            return self.get_secret_value()
        return parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", ":***@")).geturl()


def is_loopback(host: str) -> bool:
    """True for `localhost` and the addresses of the loopback networks."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _from_base(path: Path, info: ValidationInfo) -> Path:
    """`path`, taken from the folder of the settings file if it is relative."""
    base = (info.context or {}).get("base", Path())
    return Path(base, path.expanduser())


def _web_address(text: str) -> str:
    parts = urlsplit(text)
    if text and (parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment):
        raise ValueError(
            "must be an absolute http or https URL without query, such as 'https://node.example.org'"
        )
    return text.rstrip("/")


def _mail_address(text: str) -> str:
    try:
        return checked_address(text) if text else ""
    except Invalid as error:
        raise ValueError(str(error)) from error


def _base_path(text: str) -> str:
    if not text.startswith("/") or text.endswith("/") or any(mark in text for mark in "?#{} "):
        raise ValueError("must begin with '/', must not end with '/', such as '/beacon/aggregated/v2'")
    return text


def _volume_place(text: str) -> str:
    if not text.startswith("/") and "://" not in text:
        raise ValueError("must be an absolute folder or the URL of a store, such as 's3://bucket/prefix'")
    return text


def _country(text: str) -> str:
    try:
        return country_code(text)
    except Invalid as error:
        raise ValueError(str(error)) from error


def _not_guessable(tokens: Mapping[str, SecretText]) -> Mapping[str, SecretText]:
    short = [name for name, token in tokens.items() if len(token) < SHORTEST_TOKEN]
    if short:
        raise ValueError(
            f"secret of {', '.join(short)} is shorter than {SHORTEST_TOKEN} characters: use `openssl rand -hex 32`"
        )
    return tokens


Tokens = Annotated[Mapping[str, SecretText], AfterValidator(_not_guessable)]
Token = Annotated[SecretText, Field(min_length=SHORTEST_TOKEN)]


def check_keys_apart(keys_dir: Path, data_dir: Path) -> None:
    """Raises ValueError if the keys would lie among the data."""
    if keys_dir.resolve().is_relative_to(data_dir.resolve()):
        raise ValueError(
            "keys_dir must not lie inside data_dir: whoever copies the data must not get the keys"
        )


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(f"must be an address or a network such as '10.0.0.0/8'; {error}") from error
    return text


Network = Annotated[str, AfterValidator(_network)]
FilePath = Annotated[Path, AfterValidator(_from_base)]
MailAddress = Annotated[str, AfterValidator(_mail_address)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
BasePath = Annotated[str, AfterValidator(_base_path)]
Country = Annotated[str, AfterValidator(_country)]
VolumeName = Annotated[str, Field(pattern=r"^[a-z0-9]{1,16}$")]
VolumePlace = Annotated[str, AfterValidator(_volume_place)]
Port = Annotated[int, Field(ge=0, le=65535)]
Environment = Literal["prod", "staging", "test", "dev"]


class Section(BaseModel):
    """A part of the tree: frozen, and it refuses a key it does not know."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        revalidate_instances="always",  # so that default sections see the folder of the file too
        hide_input_in_errors=True,
    )
