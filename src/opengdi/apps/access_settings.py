"""Settings of access requests: bodies that decide, working days, silence, permits. Each part has a section here."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from opengdi.apps.setting_types import Country, FilePath, Section, WebAddress


class BodySettings(Section):
    """A body that decides on datasets: a data access committee, a data holder, the European coordination."""

    id: str = Field(
        pattern=r"^[a-z0-9]([a-z0-9.-]{0,58}[a-z0-9])?$", description="Id of the body, such as `ee.dac`."
    )
    name: str = Field("", description="Its name, for people.")
    url: WebAddress = Field("", description="Its web address: the `source` of visas by its decisions.")
    country: Country = Field("EU", description="Whose working days count; EU: those of the Union.")
    node: str = Field("", description="Id of the node or hub where it decides; empty: here.")
    public_keys: tuple[str, ...] = Field(
        (), description="Keys that sign its decisions, JWK or PEM, if it decides elsewhere (`gdi case key`)."
    )
    silence: Literal["deny", "approve", "escalate"] = Field(
        "deny", description="What it means if its time passes: never a grant unless it says `approve`."
    )
    quorum: int = Field(
        0, ge=0, description="Votes without which it grants nothing; 0: as its workflow says."
    )
    seats: int = Field(0, ge=0, description="How many may vote; 0: as many as the quorum.")
    chair_breaks_ties: bool = Field(
        default=True, description="The chair's vote decides where votes are even."
    )

    @model_validator(mode="after")
    def _can_be_believed(self) -> Self:
        if self.node and not self.public_keys:
            raise ValueError(f"body {self.id} decides at {self.node}: public_keys must say how it signs")
        return self


class AccessRequestSettings(Section):
    """How this node or hub takes and decides requests for access."""

    bodies: tuple[BodySettings, ...] = Field(
        (), description="Bodies that decide here, and those elsewhere whose decisions are believed."
    )
    workflows: FilePath | None = Field(
        None, description="Workflows that replace those that ship, a file like `access/cases/shipped.toml`."
    )
    look_s: float = Field(
        5.0, gt=0, description="Seconds between two looks for cases of which something has become due."
    )

    @model_validator(mode="after")
    def _each_body_is_one(self) -> Self:
        ids = [body.id for body in self.bodies]
        if twice := sorted({id_ for id_ in ids if ids.count(id_) > 1}):
            raise ValueError(f"body {twice[0]} is given twice")
        return self
