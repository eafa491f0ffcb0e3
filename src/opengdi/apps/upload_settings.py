"""Settings files of programs that upload, for an operator to hand out."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from opengdi.apps.doors import machine_keys, machine_secret
from opengdi.archive.uploads.rules import bucket_of
from opengdi.identity.machines.dated import dated_token
from opengdi.identity.machines.rules import principal_of
from opengdi.kernel.doors import submitting
from opengdi.kernel.errors import Invalid
from opengdi.kernel.principal import Role, Tier

if TYPE_CHECKING:
    from opengdi.apps.service_state import ServiceState
    from opengdi.identity.machines.model import KeyTerms

PART_MIB = 50
"""Of such a file as the field's login services write it."""


def sda_cli_settings(state: ServiceState, key_id: str, address: str, days: float) -> str:
    """What `sda-cli --config` reads, with a token of the key that ends after so many days, or with the key.

    address: of the node; empty: the one of the settings. Raises NotFound, NotAuthenticated for a key that has ended,
    Invalid for one that is for anything else than the inbox.
    """
    base, now = state.settings.uploads.s3_base_path, state.clock.now()
    key = machine_keys(state).find(key_id)
    origin = (address or state.settings.public.external_url).rstrip("/")
    if not origin.startswith(("https://", "http://")):
        raise Invalid(
            f"address {origin!r} must be the node's, such as https://node.example.org: --to, or public.external_url"
        )
    _check_for_inbox_alone(key.terms, base)
    bucket = bucket_of(submitting(principal_of(key, "PUT", base, now)))
    ends = [now + timedelta(days=days), *([key.terms.until] if key.terms.until else [])]
    told = {
        "access_key": bucket,
        "secret_key": bucket,
        "access_token": dated_token(machine_secret(state), key.id, now, min(ends)),
        "host_base": f"{origin}{base}",
        "host_bucket": f"{origin}{base}",
        "use_https": str(origin.startswith("https://")),
        "encoding": "UTF-8",
        "multipart_chunk_size_mb": str(PART_MIB),
    }
    return "[default]\n" + "".join(f"{name} = {value}\n" for name, value in told.items())


def _check_for_inbox_alone(terms: KeyTerms, base: str) -> None:
    """A token lies about in files: it opens the door for which it is, and no other one."""
    within = [path for path in terms.paths if path == base or path.startswith(f"{base}/")]
    roles = {duty.role for duty in terms.duties}
    if (
        roles != {Role.PROVIDER}
        or terms.tier is not Tier.PUBLIC
        or not within
        or len(within) < len(terms.paths)
    ):
        raise Invalid(
            f"key of {terms.name} is not for the inbox alone; make one: "
            f"gdi key new {terms.name} --duty provider:<name> --path {base}"
        )
