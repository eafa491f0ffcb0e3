"""Who holds which bearer token, by the settings: what every door of a node that gives or takes files asks."""

from __future__ import annotations

from opengdi.apps.setting_types import read_region
from opengdi.apps.settings import AccessSettings, HolderSettings, VisaSettings
from opengdi.kernel.http.callers import Callers
from opengdi.kernel.keys import Secret
from opengdi.kernel.principal import Principal, Tier, Visa


def file_callers(access: AccessSettings, pseudonyms: Secret) -> Callers:
    """Tells the callers of the file APIs apart, each with its visas and the provider it may submit for."""
    return Callers(
        {holder.name: Secret(holder.token.get_secret_value().encode()) for holder in access.holders},
        pseudonyms,
        {holder.name: _principal(holder) for holder in access.holders},
        tuple(Visa(dataset) for dataset in access.open_datasets),
    )


def _principal(holder: HolderSettings) -> Principal:
    return Principal(
        f"token:{holder.name}",
        Tier.CONTROLLED,
        visas=tuple(map(_visa, holder.visas)),
        provider=holder.provider,
    )


def _visa(visa: VisaSettings) -> Visa:
    return Visa(visa.dataset, tuple(map(read_region, visa.regions)), visa.until)
