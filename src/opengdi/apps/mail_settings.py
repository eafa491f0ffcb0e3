"""Settings of the letters that people get."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from opengdi.apps.setting_types import FilePath, MailAddress, Port, Section, is_loopback


class MailSettings(Section):
    """How people are told of what concerns them, by e-mail. Without `server` letters are files in a folder."""

    server: str = Field(
        "", max_length=253, description="Host of an SMTP server; empty: letters go to `folder`."
    )
    port: Port = Field(587, description="Its port: 587 with STARTTLS, 465 with TLS from the start.")
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How it is talked to; `none`, in the clear, only on this machine in `prod`."
    )
    user: str = Field("", description="User to log in as; empty: it asks for nobody.")
    password_file: FilePath | None = Field(None, description="File with that user's password, mode 0600.")
    ca_file: FilePath | None = Field(
        None, description="Certificates (PEM) that sign the server's; else those the system trusts."
    )
    sender: MailAddress = Field(
        "", description="Address that letters come from, such as noreply@hub.example.org."
    )
    timeout_s: float = Field(30.0, gt=0, description="Seconds to wait for each answer of the server.")
    folder: FilePath | None = Field(
        None,
        description="Where letters are written as `*.eml` if there is no server; else `mail` in the data.",
    )
    language: str = Field("en", pattern=r"^[a-z]{2,3}$", description="Language of the texts that ship.")
    texts: FilePath | None = Field(
        None, description="File with texts of your own, in place of those that ship (see docs/notices.md)."
    )
    kept_days: int = Field(
        90, ge=1, le=3650, description="Days for which notices, and letters in a folder, are kept once sent."
    )
    look_s: float = Field(2.0, gt=0, description="Seconds between two looks for what people are to be told.")

    @property
    def is_overheard(self) -> bool:
        """True if letters travel to another machine in the clear."""
        return bool(self.server) and self.security == "none" and not is_loopback(self.server)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.server and not self.sender:
            raise ValueError("sender must be set where there is a server")
        if bool(self.user) != (self.password_file is not None):
            raise ValueError("user and password_file go together")
        if self.user and self.is_overheard:
            raise ValueError("a password is not sent in the clear: set security to 'starttls' or 'tls'")
        return self
