"""The walk: every step says in plain words what it does, does it with the real commands, and checks what came back."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from opengdi.apps.beacon_client import (
    BeaconClient,
    FrequencyRow,
    Json,
    Question,
    count_rows,
    frequency_rows,
    member_rows,
    read_filter,
    result_sets,
    variant_parameters,
)
from opengdi.apps.demo.access_walk import AccessWalk
from opengdi.apps.demo.cohorts import Country
from opengdi.apps.demo.federation import Federation, Site, found_federation
from opengdi.apps.demo.file_walk import FileWalk
from opengdi.apps.demo.ports import PORTAL
from opengdi.apps.demo.scenario import Asked, Scenario
from opengdi.apps.demo.telling import Teller, expect
from opengdi.apps.terminal import plain_table, print_table
from opengdi.kernel.clock import SystemClock
from opengdi.kernel.errors import Conflict, NotAuthenticated, Unavailable

_CLOCK: Final = SystemClock()
_SUBJECT_LEVEL: Final = "/beacon/individuals/v2"
VISIBLE_S: Final = 15.0
"""A published dataset is seen by the network within this time."""


@dataclass
class Walk:
    """One run of the demo, told by `tell`."""

    folder: Path
    scenario: Scenario
    tell: Teller = field(default_factory=Teller)

    def run(self, then: Callable[[Federation, FileWalk], None]) -> None:
        """All steps; `then` is called while everything still runs. Raises StepFailed, naming the step."""
        releases = self._collections()
        with self.tell.step("Each country sets up its node, and a hub joins them with a signed registry"):
            federation = found_federation(self.folder, self.scenario.countries)
            if federation.hub.port != PORTAL:
                self.tell.say(f"port {PORTAL} is taken: the portal will be at {federation.hub.url}")
        self._load(federation, releases)
        with federation:
            self._start(federation)
            self._publish(federation)
            self._ask_allele(federation)
            self._ask_stretch(federation)
            self._ask_rare(federation)
            self._count_people(federation)
            self._refuse_strangers(federation)
            approving, vetoing, asking = self._roles()
            access = AccessWalk(self.tell, federation, self.folder, approving, vetoing, asking)
            files, closed, ended = (
                self._files(federation, releases, each, access) for each in (approving, vetoing, asking)
            )
            files.keep()
            with self.tell.step("Providers of the other countries hand in theirs"):
                closed.keep_too()
                ended.keep_too()
            access.run()
            files.use()
            self._who_carries(federation, approving, access)
            self._stay_closed(closed, vetoing)
            access.revoke(asking, ended.reads_come)
            self._go_on(files, approving)
            self._lose_a_country(federation)
            self._verify_audit(federation)
            then(federation, files)

    # -- steps ---------------------------------------------------------------------------------

    def _collections(self) -> dict[str, Path]:
        with self.tell.step("Countries collect genomes and phenotypes"):
            releases = {}
            for country in self.scenario.countries:
                releases[country.code] = self.scenario.write_release(
                    country, self.folder / "collections" / country.code
                )
                self.tell.say(f"{country.name}: {country.people:,} people, {country.dataset}")
            self.tell.say(self.scenario.notice)
        return releases

    def _load(self, federation: Federation, releases: dict[str, Path]) -> None:
        with self.tell.step(
            "Each node loads its collection: counts per population, genotypes, people; nothing is visible yet"
        ):
            for code, node in federation.nodes.items():
                began = _CLOCK.monotonic()
                node.gdi("dataset", "load", str(releases[code]))
                self.tell.say(f"{node.name}: gdi dataset load, {_CLOCK.monotonic() - began:.1f} s")

    def _start(self, federation: Federation) -> None:
        with self.tell.step("Three nodes and the hub start"):
            federation.start()
            for site in federation.sites:
                self.tell.say(f"{site.name}: {site.url}")

    def _publish(self, federation: Federation) -> None:
        with self.tell.step("Each country publishes its dataset while its node is serving"):
            for country in self.scenario.countries:
                federation.nodes[country.code].gdi("dataset", "publish", country.dataset)
            self._wait_until_visible(federation)
            self.tell.say("All three are found through the hub.")

    def _ask_allele(self, federation: Federation) -> None:
        asked = self.scenario.allele
        with self.tell.step(
            f"A researcher asks all countries at once for the allele {asked.text} ({asked.assembly})"
        ):
            answer = self._ask_variant(federation, asked)
            rows = [row for row in frequency_rows(answer) if _is_summary(row)]
            expect(rows, "no country told a frequency")
            self._frequency_table(rows)
            self._pooled(answer)

    def _ask_stretch(self, federation: Federation) -> None:
        asked = self.scenario.stretch
        with self.tell.step(f"… and for everything in {asked.text}"):
            answer = self._ask_variant(federation, asked, granularity="count")
            expect(answer["responseSummary"]["exists"], "nothing was found")
            for row in count_rows(answer):
                self.tell.say(
                    f"{row.dataset}: {row.count:,} alleles that may be told"
                    if row.count
                    else f"{row.dataset}: none"
                )

    def _ask_rare(self, federation: Federation) -> None:
        with self.tell.step(
            "A rare allele points at people, so it is answered exactly like one that nobody carries"
        ):
            rare, absent = (
                self._ask_variant(federation, asked) for asked in (self.scenario.rare, self.scenario.absent)
            )
            told = list(frequency_rows(rare))
            hidden = [each["id"] for each in result_sets(rare) if not each["exists"]]
            expect(hidden, "the rare allele was told everywhere")
            expect(not list(frequency_rows(absent)), "an allele that nobody carries was told")
            self.tell.say(f"{self.scenario.rare.text}: hidden by {', '.join(hidden)}")
            self.tell.say(
                "Floors: at least 10 alleles with it and 10 without it; else nothing, or only the total."
            )
            if told:
                self._frequency_table([row for row in told if _is_summary(row)])

    def _count_people(self, federation: Federation) -> None:
        with self.tell.step(f"A researcher with a token counts {self.scenario.people_in_words}"):
            question = Question(
                "individuals",
                filters=tuple(read_filter(text) for text in self.scenario.people),
                granularity="count",
                include="ALL",
            )
            answer = self._ask(federation, question, token=federation.portal_key)
            expect(any(row.count for row in count_rows(answer)), "nobody was counted")
            for row in count_rows(answer):
                told = (
                    f"{row.count} ({row.precision}, {row.adjusted_to})"
                    if row.exists
                    else row.adjusted_to or "0"
                )
                self.tell.say(f"{row.dataset}: {told}")

    def _refuse_strangers(self, federation: Federation) -> None:
        with self.tell.step("Without a token nobody counts people"):
            try:
                self._ask(federation, Question("individuals", granularity="count"))
            except NotAuthenticated as error:
                self.tell.say(f"refused: {error.public}")
            else:
                raise Conflict("a caller without a token was answered")

    def _roles(self) -> tuple[Country, Country, Country]:
        """Countries by what their committees will do: approve, refuse, ask for a change first."""
        approving = self.scenario.files_from
        vetoing, asking = (each for each in self.scenario.countries if each is not approving)
        return approving, vetoing, asking

    def _files(
        self, federation: Federation, releases: dict[str, Path], country: Country, access: AccessWalk
    ) -> FileWalk:
        node = federation.nodes[country.code]
        return FileWalk(
            self.tell,
            node,
            federation.provider_keys[country.code],
            country.dataset,
            self.folder,
            lambda folder: self.scenario.write_files(releases[country.code].parent, folder),
            lambda: access.researcher.token(node.url, fresh=True),
            lambda: access.visitor.token(node.url),
        )

    def _who_carries(self, federation: Federation, country: Country, access: AccessWalk) -> None:
        rare, node = self.scenario.rare, federation.nodes[country.code]
        with self.tell.step(
            f"The same visa opens the records of {country.name}: who carries the allele that was hidden before"
        ):
            question = Question(
                "g_variants",
                variant_parameters(rare.text, rare.assembly),
                include="HIT",
                granularity="record",
            )
            token = access.researcher.token(node.url, fresh=True)
            with BeaconClient(f"{node.url}{_SUBJECT_LEVEL}", token=token) as client:
                answer = client.ask(question)
            records = [record for found in result_sets(answer) for record in found.get("results") or []]
            cases = [case for record in records for case in record.get("caseLevelData") or []]
            expect(cases, "nobody was told to carry it")
            for case in cases:
                self.tell.say(f"{rare.text}: {case['individualId']}, {case['zygosity']['label']}")

    def _stay_closed(self, files: FileWalk, country: Country) -> None:
        with self.tell.step(
            f"The same researcher, the same permit: {country.name} refused, so its data stay closed"
        ):
            expect(not files.reads_come(), "data of the country that refused came")
            self.tell.say("403, in the words that are said of a file that does not exist")

    def _go_on(self, files: FileWalk, country: Country) -> None:
        with self.tell.step(f"What {country.name} granted is its own affair, and goes on"):
            expect(files.reads_come(), "data of a country that took nothing back did not come")
            self.tell.say("200, a ticket")

    def _lose_a_country(self, federation: Federation) -> None:
        lost = list(federation.nodes.values())[-1]
        with self.tell.step(
            f"{lost.name} goes off line; the others still answer, and the answer says who is missing"
        ):
            federation.stop_one(lost)
            began = _CLOCK.monotonic()
            answer = self._ask_variant(federation, self.scenario.allele)
            for row in member_rows(answer):
                self.tell.say(f"{row.member}: {row.status}")
            self.tell.say(f"answered in {_CLOCK.monotonic() - began:.2f} s")
            missing = [row for row in member_rows(answer) if row.status not in {"ok", "suppressed"}]
            expect(missing, "nobody is missing in the answer")
            federation.start_one(lost)

    def _verify_audit(self, federation: Federation) -> None:
        with self.tell.step(
            "Every answer is in an audit chain that anybody with the public key can check off line"
        ):
            for site in federation.sites:
                self.tell.say(f"{site.name}: {_audited(site)}")

    # -- asking --------------------------------------------------------------------------------

    def _ask(self, federation: Federation, question: Question, *, token: str | None = None) -> Json:
        with BeaconClient(federation.network, token=token) as client:
            return client.ask(question)

    def _ask_variant(self, federation: Federation, asked: Asked, *, granularity: str = "record") -> Json:
        parameters = variant_parameters(asked.text, asked.assembly)
        return self._ask(
            federation, Question("g_variants", parameters, include="ALL", granularity=granularity)
        )

    def _wait_until_visible(self, federation: Federation) -> None:
        datasets = {country.dataset for country in self.scenario.countries}
        deadline = _CLOCK.monotonic() + VISIBLE_S
        seen: set[str] = set()
        while _CLOCK.monotonic() < deadline:
            answer = self._ask(federation, Question("datasets"))
            seen = {each["id"] for each in (answer.get("response") or {}).get("collections") or []}
            if datasets <= seen:
                return
            time.sleep(0.2)
        raise Unavailable(
            f"not visible through the hub after {VISIBLE_S:.0f} s: {', '.join(datasets - seen)}"
        )

    # -- speaking ------------------------------------------------------------------------------

    def _frequency_table(self, rows: list[FrequencyRow]) -> None:
        table = plain_table()
        for name in ("    country", "population", "AC", "AN", "frequency"):
            table.add_column(name, justify="left" if name in {"    country", "population"} else "right")
        for row in rows:
            counts = (
                f"{row.allele_count:,}" if row.allele_count is not None else "–",
                f"{row.allele_number or 0:,}",
            )
            table.add_row(f"    {row.dataset.split('-')[1]}", row.population, *counts, f"{row.frequency:.4f}")
        print_table(table)

    def _pooled(self, answer: Json) -> None:
        for pooled in (answer.get("info") or {}).get("pooledFrequencies") or []:
            for cell in pooled.get("populations") or []:
                if cell["population"] == "Total":
                    self.tell.say(
                        f"All countries together: {cell['alleleFrequency']:.4f} (AC {cell['alleleCount']:,})"
                    )


def _is_summary(row: FrequencyRow) -> bool:
    """Total and the two sexes; the finer populations make long tables."""
    return row.population in {"Total", "F", "M", "DEMO"}


def _audited(site: Site) -> str:
    """What `gdi audit verify` found; it fails where a chain does not hold."""
    chains = json.loads(site.gdi("audit", "verify", "--json"))
    events, covered = (sum(chain[name] for chain in chains) for name in ("events", "covered"))
    return f"holds, {events} events, {covered} covered by signatures"


def leave_open(federation: Federation, files: FileWalk) -> None:
    """Say where everything is, and wait until somebody ends it."""
    sys.stdout.write(
        f"""\
Everything stays up until you press Ctrl-C.
  portal         {federation.hub.url}/
  token          {federation.portal_key}   (for counting people)
  requests       {federation.hub.url}/requests   (sign in as whom you like)
  cases          {", ".join(f"{node.url}/cases" for node in federation.nodes.values())}
  network        {federation.network}
Ask for yourself:
  export GDI_QUERY_AT={federation.network} GDI_QUERY_TOKEN={federation.portal_key}
  gdi query variant 3-45823240-T-C --assembly GRCh38
  gdi query variant BRCA2 --format csv
  gdi query individuals --filter NCIT:C16576 --filter "age>P60Y"
{files.to_try(federation.hub.url, "researcher-one")}"""
    )
    sys.stdout.flush()
    federation.wait()
