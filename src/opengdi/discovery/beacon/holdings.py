"""The datasets a Beacon holds at one moment, each with the policy in force for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256

from opengdi.discovery.beacon.model import HeldDataset
from opengdi.discovery.beacon.records import RecordBuilder
from opengdi.discovery.model import ShelvedRelease
from opengdi.kernel.disclosure.ledger import BudgetAccount
from opengdi.kernel.disclosure.losses import floored_policy
from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.kernel.principal import Visa
from opengdi.kernel.release import DatasetRelease
from opengdi.standards.beacon.answer import handover
from opengdi.standards.beacon.dataset_info import DatasetInfo

Published = Callable[[], Sequence[ShelvedRelease]]
"""What is published now. Returns the same object until something changes, so that work per release is done once."""

FilesAddress = Callable[[str, Sequence[Visa]], Awaitable[str]]
"""Where the files of a dataset are that visas for all of it open; empty where there are none."""

_ACCESS_TERM = ("CUSTOM:access-application", "Apply for access")
_FILES_TERM = ("CUSTOM:drs-bundle", "Files of the dataset (GA4GH DRS)")


async def no_files(_dataset: str, _visas: Sequence[Visa]) -> str:
    """Of a Beacon beside which no files are delivered."""
    return ""


class Holdings:
    """Published datasets in the order of their ids; never a half of a change."""

    def __init__(
        self,
        published: Published,
        node_policy: DisclosurePolicy,
        access_url: str = "",
        files: FilesAddress = no_files,
    ) -> None:
        """`access_url`: where access is applied for, with `{dataset}` in it; empty: no such handover."""
        self._published = published
        self._node_policy = node_policy
        self._access_url = access_url
        self._files = files
        self._known: tuple[Sequence[ShelvedRelease], tuple[HeldDataset, ...]] = ((), ())

    def current(self) -> tuple[HeldDataset, ...]:
        releases = self._published()
        if releases is not self._known[0]:
            held = sorted((self._hold(release) for release in releases), key=lambda dataset: dataset.id)
            self._known = (releases, tuple(held))
        return self._known[1]

    async def files_handovers(self, dataset: str, visas: Sequence[Visa]) -> Sequence[Mapping[str, object]]:
        """What leads a caller with visas for all of a dataset to its files."""
        address = await self._files(dataset, visas)
        return (handover(*_FILES_TERM, address),) if address else ()

    def _hold(self, release: ShelvedRelease) -> HeldDataset:
        manifest = release.manifest
        policy = manifest.policy.strictest(self._node_policy)
        account = BudgetAccount(manifest.dataset, manifest.version, manifest.individuals, policy)
        held = HeldDataset(
            release=release,
            assembly=release.assembly,
            policy=policy,
            account=account,
            records=RecordBuilder(release, policy.k_individuals),
            info=_info(manifest, policy),
            handovers=self._handovers(manifest.dataset),
        )
        floored = None if account.is_unlimited else floored_policy(policy)
        if floored is None:
            return held
        records = RecordBuilder(release, floored.k_individuals)
        return replace(held, floored=replace(held, policy=floored, records=records))

    def _handovers(self, dataset: str) -> Sequence[Mapping[str, object]]:
        if not self._access_url:
            return ()
        return (handover(*_ACCESS_TERM, self._access_url.replace("{dataset}", dataset)),)


def _info(manifest: DatasetRelease, policy: DisclosurePolicy) -> Mapping[str, object]:
    return DatasetInfo(
        version=manifest.version,
        digest=_digest(manifest),
        assembly=manifest.assembly,
        individuals=manifest.individuals,
        k_alleles=policy.k_alleles,
        k_individuals=policy.k_individuals,
        count_rounding=policy.count_rounding,
        af_budget_factor=policy.af_budget_factor,
        individual_budget=policy.individual_budget,
    ).as_document()


def _digest(manifest: DatasetRelease) -> str:
    """Of what the release holds, whatever it is called: the same at every node that holds the same files."""
    digests = sorted(f"{file.role}:{file.sha256}" for file in manifest.files)
    return f"sha256:{sha256(' '.join(digests).encode()).hexdigest()}" if digests else ""
