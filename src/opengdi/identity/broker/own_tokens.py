"""Implements the port `AccessTokens` at the hub itself: the broker's own tokens, without asking over the network."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from datetime import timedelta
from typing import Final

from opengdi.identity.broker.model import PASSPORT
from opengdi.identity.broker.service import Broker
from opengdi.identity.model import Proof
from opengdi.identity.ports import BareVisas
from opengdi.kernel.errors import NotAuthenticated

KEPT: Final = timedelta(minutes=5)
MOST_KEPT: Final = 2_000


class OwnTokens:
    """Tokens for the hub prove who somebody is, and what the hub itself says of them; visas of nodes count there."""

    def __init__(self, broker: Broker, visas: BareVisas) -> None:
        self._broker = broker
        self._visas = visas
        self._proofs: OrderedDict[str, Proof] = OrderedDict()

    async def proof(self, token: str) -> Proof:
        """Whose a token for this hub is. Raises NotAuthenticated."""
        shown = await self._broker.shown(token)
        tokens = self._broker.tokens
        if tokens.hub not in shown.audiences:
            raise NotAuthenticated("the access token is for a node, not for this hub")
        if PASSPORT not in shown.scopes:
            return Proof(
                shown.subject,
                tokens.issuer,
                shown.until,
                bona_fide=False,
                visas=(),
                authenticated=shown.authenticated,
            )
        now = self._broker.clock.now()
        known = self._proofs.get(shown.jti)
        if known is None or known.until <= now:
            collected = await self._broker.collector.own(shown.subject)
            until = min(shown.until, now + KEPT)
            weighed = await self._visas.weigh(
                collected.visas, subject=shown.subject, issuer=tokens.issuer, until=until
            )
            known = replace(weighed, authenticated=shown.authenticated)
            self._proofs[shown.jti] = known
            if len(self._proofs) > MOST_KEPT:
                self._proofs.popitem(last=False)
        return known
