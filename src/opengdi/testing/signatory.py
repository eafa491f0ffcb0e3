"""A broker and visa issuer for tests: signs whatever it is asked to. Nobody believes it but the nodes of tests."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Final

from opengdi.identity.values import grant_values
from opengdi.kernel.clock import SystemClock
from opengdi.kernel.keys import SigningKey
from opengdi.kernel.principal import Visa
from opengdi.standards.passport import (
    BONA_FIDE,
    By,
    Claims,
    TokenKind,
    VisaObject,
    VisaType,
    write_passport,
    write_visa,
)
from opengdi.standards.passport import Visa as SignedVisa

_ASSERTED: Final = datetime(2026, 1, 1, tzinfo=UTC)


class Signatory:
    """A broker and an issuer of visas in one, with keys of their own; `trust` is how a node is told to believe it."""

    def __init__(self, address: str = "https://issuer.example.org") -> None:
        self.iss = address
        self.jku = f"{address}/jwks"
        self.key = SigningKey.generate()

    def trust(self, *datasets: str) -> str:
        """Settings, as TOML, of a node that believes it. datasets: for which it is the authority; none: `GDI-*`."""
        key = json.dumps(json.dumps(self.key.public.as_jwk()))
        pair = f'iss = "{self.iss}", jku = "{self.jku}", keys = [{key}]'
        types = json.dumps([str(each) for each in VisaType])
        which = json.dumps(datasets or ["GDI-*"])
        return (
            f"[identity.passports]\nbrokers = [{{ {pair} }}]\n"
            f"issuers = [{{ {pair}, types = {types}, datasets = {which}, "
            f'subjects_of = "{self.iss}", means_every_version = true }}]\n'
        )

    def passport(
        self,
        subject: str,
        *opened: str | Visa,
        bona_fide: bool = False,
        for_s: float = 3600,
        audience: tuple[str, ...] = (),
    ) -> str:
        """A passport of somebody. opened: datasets, or parts of them; audience: whom it is for, empty: anybody."""
        objects = [self._grant(Visa(each) if isinstance(each, str) else each) for each in opened]
        if bona_fide:
            objects += [
                VisaObject(VisaType.RESEARCHER_STATUS, BONA_FIDE, self.iss, _ASSERTED, By.SIGNING_OFFICIAL),
                VisaObject(VisaType.ACCEPTED_TERMS, BONA_FIDE, self.iss, _ASSERTED, By.SELF),
            ]
        return self.passport_of(subject, objects, for_s=for_s, audience=audience)

    def passport_of(
        self, subject: str, told: Iterable[VisaObject], *, for_s: float = 3600, audience: tuple[str, ...] = ()
    ) -> str:
        """A passport of somebody of whom visas say that."""
        visas = [self.visa(each, subject, for_s=for_s) for each in told]
        written = write_passport(replace(self._claims(subject, for_s), audience=audience), visas)
        return self.key.sign(json.dumps(written).encode(), purpose=TokenKind.PASSPORT)

    def visa(self, told: VisaObject, subject: str, *, for_s: float = 3600) -> str:
        """A visa."""
        written = write_visa(SignedVisa(self._claims(subject, for_s), told))
        return self.key.sign(json.dumps(written).encode(), purpose=TokenKind.VISA, jku=self.jku)

    def _grant(self, visa: Visa) -> VisaObject:
        (value,) = grant_values(self.iss, visa.dataset, visa.version, visa.regions)
        return VisaObject(
            VisaType.CONTROLLED_ACCESS, value, "https://dac.example.org", _ASSERTED, By.DATA_ACCESS_COMMITTEE
        )

    def _claims(self, subject: str, for_s: float) -> Claims:
        now = SystemClock().now().replace(microsecond=0)
        return Claims(self.iss, subject, now, now + timedelta(seconds=for_s), token_hex(8))
