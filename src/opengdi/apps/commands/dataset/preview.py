"""`gdi dataset preview`: what a dataset would disclose, and how well it hides the people in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opengdi.apps.commands.config import ConfigOption
from opengdi.apps.commands.dataset.naming import split

if TYPE_CHECKING:  # importing them takes longer than `gdi dataset --help`
    from rich.console import Console

    from opengdi.apps.settings import Settings
    from opengdi.kernel.disclosure.policy import DisclosurePolicy
    from opengdi.kernel.disclosure.preview import Gauge, SiteTally, TermTally
    from opengdi.kernel.release import DatasetRelease, ReleaseFile

_BAR_CELLS = 24


@dataclass(frozen=True, slots=True)
class Preview:
    """What one release would disclose under `policy`; terms is None without subjects."""

    release: DatasetRelease
    policy: DisclosurePolicy
    sites: list[SiteTally]
    terms: TermTally | None
    gauges: list[Gauge]


def preview(
    dataset: Annotated[
        str, typer.Argument(metavar="DATASET[@VERSION]", help="A loaded dataset, or the folder of a release.")
    ],
    floor: Annotated[
        int | None, typer.Option(min=0, help="Try this floor on alleles instead of the one in force.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object instead of tables.")] = False,
    config: ConfigOption = None,
) -> None:
    """Show what a dataset would disclose: alleles and genotypes seen and hidden, terms, budgets, membership power."""
    from opengdi.apps.settings_file import load_settings

    settings = load_settings(config)
    folder = _release_folder(dataset, settings)
    found = look_at(folder, settings.disclosure.policy, floor)
    if json:
        from json import dumps

        print(dumps(as_json(found), indent=2))
    else:
        _print(found)


def look_at(folder: Path, node_policy: DisclosurePolicy, floor: int | None = None) -> Preview:
    """The preview of the release in `folder`; `floor` replaces the stricter of the release's and the node's.

    Raises Invalid if the manifest is none, NotFound if it is not there.
    """
    from dataclasses import replace

    import numpy as np
    import pyarrow.parquet as pq

    from opengdi.discovery.manifests import MANIFEST, decode_manifest
    from opengdi.kernel.disclosure.preview import gauges, tally_terms
    from opengdi.kernel.release import FileRole
    from opengdi.standards.coordinates import CONTIG_CODES

    release = decode_manifest((folder / MANIFEST).read_bytes())
    policy = release.policy.strictest(node_policy)
    policy = policy if floor is None else replace(policy, k_alleles=floor)
    files = [file for file in release.files if file.role is FileRole.SITES]
    files.sort(key=lambda file: CONTIG_CODES.get(file.contig or "", 0))
    sites = [_tally(folder, file, policy) for file in files]
    terms = None
    for file in release.files:
        if file.role is FileRole.TERMS:
            carriers = pq.read_table(folder / file.path, columns=["carriers"])["carriers"].to_numpy()
            terms = tally_terms(np.asarray(carriers), release.individuals, policy)
    return Preview(release, policy, sites, terms, gauges(release.individuals, policy, sites))


def as_json(found: Preview) -> dict[str, Any]:
    """The preview as plain values."""
    from dataclasses import asdict

    from opengdi.kernel.disclosure.power import budget

    release, policy = found.release, found.policy
    return {
        "dataset": release.dataset,
        "version": release.version,
        "individuals": release.individuals,
        "policy": asdict(policy),
        "contigs": [_contig_as_json(tally) for tally in found.sites],
        "filteringTerms": None if found.terms is None else asdict(found.terms),
        "budgets": {
            "perCaller": budget(release.individuals, policy.af_budget_factor),
            "allAnonymousCallers": budget(release.individuals, policy.global_budget_factor),
            "publicFrequencies": release.individuals >= policy.min_cohort_public_af,
        },
        "fewCarriers": {
            "individualBudget": policy.individual_budget,
            "alleles": sum(tally.few for tally in found.sites),
        },
        "membershipPower": [asdict(gauge) for gauge in found.gauges],
    }


def _contig_as_json(tally: SiteTally) -> dict[str, Any]:
    from opengdi.kernel.disclosure.preview import BANDS

    bands = [
        {"band": band, "hidden": hidden, "totalOnly": total_only, "whole": whole}
        for band, (hidden, total_only, whole) in zip(BANDS, tally.seen.tolist(), strict=True)
    ]
    return {
        "contig": tally.contig,
        "alleles": tally.alleles,
        "bands": bands,
        "genotypesShown": tally.genotypes_shown,
        "independentCommon": tally.independent,
    }


def _release_folder(dataset: str, settings: Settings) -> Path:
    """The folder that is named, or that of the dataset's version, which may be left out where there is one only.

    Raises NotFound if there is no such release, Invalid if there are several to choose from.
    """
    from opengdi.discovery.manifests import MANIFEST
    from opengdi.kernel.errors import Invalid, NotFound

    if (Path(dataset) / MANIFEST).is_file():
        return Path(dataset)
    name, version = split(dataset)
    home = settings.node.data_dir / "releases" / name
    found = {path.parent.name: path.parent for path in home.glob(f"{version or '*'}/{MANIFEST}")}
    if not found:
        raise NotFound(
            f"there is no release {dataset} in {settings.node.data_dir} and no folder of that name",
            public=f"There is no release {dataset}.",
        )
    if len(found) > 1:
        raise Invalid(
            f"{name} has versions {', '.join(sorted(found))}: say which one, such as {name}@{max(found)}"
        )
    return next(iter(found.values()))


def _tally(folder: Path, file: ReleaseFile, policy: DisclosurePolicy) -> SiteTally:
    """Tally one sites file, a row group at a time."""
    from opengdi.discovery.variants.columns import COUNT_COLUMNS
    from opengdi.discovery.variants.truth import SitesFile
    from opengdi.kernel.disclosure.floors import Layout
    from opengdi.kernel.disclosure.preview import SiteTally

    tally = SiteTally(file.contig or "")
    with SitesFile(folder / file.path) as sites:
        layout = Layout.of(sites.populations)
        for columns in sites:
            tally.add(columns.start, [getattr(columns, name) for name in COUNT_COLUMNS], layout, policy)
    return tally


def _print(found: Preview) -> None:
    from rich.text import Text

    from opengdi.apps.terminal import console, print_table

    speak = console()
    release, policy = found.release, found.policy
    rest = f" version {release.version}: {release.individuals:,} individuals"
    speak.print(Text.assemble((release.dataset, "bold"), rest))
    speak.print(
        f"floor {policy.k_alleles} alleles, {policy.k_individuals} people; counts of people to the nearest "
        f"{policy.count_rounding}; populations {', '.join(release.populations)}"
    )
    if found.sites:
        print_table(_sites_table(found.sites))
        _print_genotypes(speak, found)
        _print_few(speak, found)
    if found.terms is not None:
        shown = found.terms.terms - found.terms.hidden
        speak.print(f"filtering terms: {shown:,} of {found.terms.terms:,} tell a count of people")
    if release.individuals < policy.min_cohort_public_af:
        speak.print(f"frequencies are not public: fewer than {policy.min_cohort_public_af} individuals")
    print_table(_gauge_table(found.gauges))


def _sites_table(tallies: list[SiteTally]) -> Any:
    """Alleles by contig and frequency: seen whole / in their Total only / hidden."""
    from rich.table import Table

    from opengdi.kernel.disclosure.preview import BANDS

    table = Table(
        "contig", "alleles", *BANDS, title="alleles seen whole / in Total only / hidden, by minor frequency"
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for tally in tallies:
        table.add_row(tally.contig, f"{tally.alleles:,}", *map(_cell, tally.seen.tolist()))
    if len(tallies) > 1:
        bands = zip(*(tally.seen.tolist() for tally in tallies), strict=True)
        together = [[sum(each) for each in zip(*band, strict=True)] for band in bands]
        table.add_row("all", f"{sum(map(sum, together)):,}", *map(_cell, together), style="bold")
    return table


def _cell(counts: list[int]) -> str:
    hidden, total_only, whole = counts
    return f"{whole:,} / {total_only:,} / {hidden:,}"


def _print_genotypes(speak: Console, found: Preview) -> None:
    whole = sum(int(tally.seen[:, 2].sum()) for tally in found.sites)
    shown = sum(tally.genotypes_shown for tally in found.sites)
    speak.print(f"genotype counts: shown for {shown:,} of the {whole:,} alleles that are seen whole")


def _print_few(speak: Console, found: Preview) -> None:
    """What a caller is told of few carriers, where floors do not hide them."""
    from opengdi.kernel.disclosure.losses import FREE_FROM, capacity, floored_policy, loss

    if floored_policy(found.policy) is None:
        return
    purse, few = capacity(found.policy), sum(tally.few for tally in found.sites)
    speak.print(
        f"few carriers: {few:,} alleles are told by name alone, and of those with 2, 4 or 8 carriers a caller hears"
        f" {purse // loss(2):,}, {purse // loss(4):,} or {purse // loss(8):,}; then what a floor of {FREE_FROM} shows"
        f" (individual_budget = {found.policy.individual_budget:g})"
    )


def _gauge_table(found: list[Gauge]) -> Any:
    """The membership-power gauge: one bar per number of answers."""
    from rich.table import Table
    from rich.text import Text

    table = Table(
        "told", "answers", "power", "", title="power to tell a member from a stranger, at 1 % false positives"
    )
    table.columns[1].justify = table.columns[2].justify = "right"
    for gauge in found:
        colour = "green" if gauge.power <= 0.05 else "yellow" if gauge.power < 0.5 else "red"
        bar = "█" * round(gauge.power * _BAR_CELLS)
        table.add_row(gauge.label, f"{gauge.answers:,}", f"{gauge.power:.2f}", Text(bar or "▏", colour))
    return table
