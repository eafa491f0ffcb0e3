"""All settings of a node and a hub: one frozen tree, every default explained beside it.

Where values come from (a TOML file, then the environment) is the business of `settings_file`.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from opengdi.apps.access_settings import AccessRequestSettings
from opengdi.apps.identity_settings import IdentitySettings
from opengdi.apps.mail_settings import MailSettings
from opengdi.apps.setting_types import (
    UNSET_COUNTRY,
    UNSET_DOMAIN,
    UNSET_NAME,
    BasePath,
    Country,
    Environment,
    FilePath,
    Network,
    Port,
    SecretText,
    SecretUrl,
    Section,
    VolumeName,
    VolumePlace,
    WebAddress,
    check_keys_apart,
    is_loopback,
)
from opengdi.kernel.disclosure.policy import DisclosurePolicy


class OrganisationSettings(Section):
    """Who runs the service, as every information endpoint says."""

    id: str = Field(UNSET_DOMAIN, description="Reverse domain name of the organisation.")
    name: str = Field(UNSET_NAME, description="Name of the organisation, in full.")
    url: WebAddress = Field("", description="Its web page; empty: none is told.")
    logo_url: WebAddress = Field("", description="Its logo; empty: none is told.")


def _left_as_they_came(id_: str, organisation: OrganisationSettings) -> list[str]:
    """Settings that name nobody, which `prod` refuses."""
    given = {"id": id_, "organisation.id": organisation.id}
    found = [name for name, value in given.items() if f"{value}.".startswith(f"{UNSET_DOMAIN}.")]
    return [*found, *(["organisation.name"] if organisation.name == UNSET_NAME else [])]


def _check_production(environment: Environment, unset: list[str]) -> None:
    if environment == "prod" and unset:
        raise ValueError(f"environment 'prod' refuses what names nobody: set {', '.join(unset)}")


class NodeSettings(Section):
    """Which node this is and where it keeps what it holds."""

    id: str = Field("org.example.node", min_length=1, description="Reverse domain name of this node, unique.")
    name: str = Field("OpenGDI node", min_length=1, description="Name of this node, for people.")
    description: str = Field("", description="One paragraph about the collections behind this node.")
    country: Country = Field(
        UNSET_COUNTRY, description="Two-letter country code; XX (nowhere) is refused in `prod`."
    )
    environment: Environment = Field(
        "dev", description="`prod` refuses every default that only suits a laptop."
    )
    organisation: OrganisationSettings = OrganisationSettings()
    data_dir: FilePath = Field(
        Path("data"), description="Everything the node holds, mode 0700; put it on an encrypted file system."
    )
    keys_dir: FilePath = Field(
        Path("keys"),
        description="Private keys, files of mode 0600; never inside `data_dir`, so backups differ.",
    )

    @model_validator(mode="after")
    def _keys_lie_outside_the_data(self) -> Self:
        check_keys_apart(self.keys_dir, self.data_dir)
        return self

    @model_validator(mode="after")
    def _production_is_somewhere(self) -> Self:
        nowhere = ["country"] if self.country == UNSET_COUNTRY else []
        _check_production(self.environment, nowhere + _left_as_they_came(self.id, self.organisation))
        return self


class PublicSettings(Section):
    """The listener that researchers and other nodes reach."""

    host: str = Field("127.0.0.1", description="Address to listen on; loopback until you decide otherwise.")
    port: Port = Field(8080, description="Port to listen on; 0: any free one, see `listening.json`.")
    external_url: WebAddress = Field(
        "", description="Address by which others reach this listener, used in answers; empty: host and port."
    )
    trusted_proxies: tuple[Network, ...] = Field(
        (),
        description="Reverse proxies (addresses or networks) whose X-Forwarded-For is believed; "
        "behind one, callers are only told apart if it is named here.",
    )


class ManagementSettings(Section):
    """The listener for operators: health, metrics, version. It knows no login, hence loopback."""

    host: str = Field("127.0.0.1", description="Address to listen on; loopback unless `allow_remote`.")
    port: Port = Field(8081, description="Port to listen on; 0: any free one, see `listening.json`.")
    allow_remote: bool = Field(
        default=False, description="Allow a `host` that is not loopback, where a firewall keeps others out."
    )

    @model_validator(mode="after")
    def _stays_on_loopback(self) -> Self:
        if not self.allow_remote and not is_loopback(self.host):
            raise ValueError(
                f"host {self.host!r} is not loopback: use 127.0.0.1, or set allow_remote = true behind a firewall"
            )
        return self


class LimitsSettings(Section):
    """What one request may cost."""

    body_bytes: int = Field(
        1_048_576, ge=1024, description="Largest request body, in bytes; larger ones get 413."
    )
    request_s: float = Field(30.0, gt=0, description="Longest time for one answer, in seconds; then 504.")


class DatabaseSettings(Section):
    """Transactional state: the catalogue of releases, budgets, jobs."""

    url: SecretUrl | None = Field(
        None,
        description="SQLAlchemy URL of a PostgreSQL database; not set: `state.sqlite` in the data directory.",
    )


class BulkSettings(Section):
    """Loading and recounting: work over ranges of variants."""

    workers: int = Field(0, ge=0, description="Processes for bulk work; 0: one per core.")
    dask_scheduler: str | None = Field(
        None,
        description="Address of a Dask scheduler, such as tcp://head:8786; not set: processes of this machine.",
    )


class GenesSettings(Section):
    """Gene tables by assembly (TSV, perhaps gzipped, with gene_symbol, chrom, start, end), for `geneId` questions."""

    GRCh37: FilePath | None = Field(
        None, description="Gene table in GRCh37 coordinates; not set: no `geneId`."
    )
    GRCh38: FilePath | None = Field(
        None, description="Gene table in GRCh38 coordinates; not set: no `geneId`."
    )


class HandoverSettings(Section):
    """A place where somebody who reads an answer of a Beacon can go on."""

    type: str = Field(pattern=r"^\w[^:]+:.+$", description="What it is, as a CURIE such as `EDAM:0000842`.")
    label: str = Field("", description="The same in words.")
    url: WebAddress = Field(description="Its address.")
    note: str = Field("", description="What to do there.")


class BeaconSettings(Section):
    """The two Beacons of a node."""

    aggregated_path: BasePath = Field(
        "/beacon/aggregated/v2", description="Base path of the Beacon over allele frequencies."
    )
    individuals_path: BasePath = Field(
        "/beacon/individuals/v2", description="Base path of the Beacon over people."
    )
    aliases: Mapping[BasePath, Literal["aggregated", "individuals"]] = Field(
        {
            "/api": "aggregated",
            "/beacon/aggregated/v2.0.0": "aggregated",
            "/beacon/individuals/v2.0.0": "individuals",
        },
        description="Further base paths: the verifier needs one of one segment, the portal adds `/v2.0.0`.",
    )
    default_limit: int = Field(10, ge=1, description="Results on a page when the question does not say.")
    max_limit: int = Field(1000, ge=1, description="Most results on a page, whatever the question says.")
    requests: int = Field(
        0,
        ge=0,
        description="Questions that one caller may ask in `requests_window_s`; 0: no limit beside the budgets.",
    )
    requests_window_s: float = Field(60.0, gt=0, description="Seconds over which `requests` are counted.")
    told_sets_mib: int = Field(
        8,
        ge=1,
        description="Compressed sets of people whose sizes one caller may be told per version of a dataset, in MiB.",
    )
    span_cap_bases: int = Field(10_000_000, ge=1, description="Longest range of one question, in bases.")
    access_url: str = Field(
        "",
        description="Where access to a dataset is applied for, `{dataset}` in it; empty: no handover tells it.",
    )
    handovers: tuple[HandoverSettings, ...] = Field(
        (),
        description="Where every answer of the Beacons leads on to, such as the catalogue or a service desk.",
    )
    cors_origins: tuple[str, ...] = Field(
        (), description="Origins whose web pages may read answers, `*` for all; empty: none."
    )
    genes: GenesSettings = GenesSettings()
    hierarchies: tuple[FilePath, ...] = Field(
        (), description="Further term hierarchies for filters, OBO or CSV, added to the curated one."
    )

    @model_validator(mode="after")
    def _paths_lie_apart(self) -> Self:
        paths = sorted((self.aggregated_path, self.individuals_path, *self.aliases))
        for one, other in combinations(paths, 2):
            if f"{other}/".startswith(f"{one}/"):
                raise ValueError(
                    f"base path {other} is given twice: one Beacon would hide the other"
                    if one == other
                    else f"base path {other} lies below {one}: one Beacon would hide the other"
                )
        return self


_POLICY = DisclosurePolicy()


class DisclosureSettings(Section):
    """The node's own disclosure policy; a dataset may be stricter, never laxer."""

    k_alleles: int = Field(
        _POLICY.k_alleles, ge=0, description="Two-sided floor: AC or AN - AC below it hides the cell."
    )
    k_individuals: int = Field(
        _POLICY.k_individuals, ge=0, description="Two-sided floor on counts of people against the cohort."
    )
    count_rounding: int = Field(
        _POLICY.count_rounding, ge=1, description="Step to which counts of people are rounded; 1: off."
    )
    af_budget_factor: float = Field(
        _POLICY.af_budget_factor,
        ge=0,
        description="Frequency answers per requester and individual; 0.46 keeps membership power at 5 %.",
    )
    global_budget_factor: float = Field(
        _POLICY.global_budget_factor, ge=0, description="The same for all anonymous callers together."
    )
    min_cohort_public_af: int = Field(
        _POLICY.min_cohort_public_af, ge=0, description="Smallest cohort whose frequencies may be public."
    )
    min_update_batch: int = Field(
        _POLICY.min_update_batch, ge=0, description="Fewest new individuals that a new version may add."
    )
    differencing_floor: int = Field(
        _POLICY.differencing_floor,
        ge=0,
        description="Two count questions of one requester may not differ by fewer people than this.",
    )
    tells_public: int = Field(
        _POLICY.tells_public,
        ge=0,
        le=2,
        description="What is told of people to everybody: 0 nothing, 1 whether there are any, 2 how many.",
    )
    tells_registered: int = Field(
        _POLICY.tells_registered, ge=0, le=2, description="The same for registered researchers."
    )
    individual_budget: float = Field(
        _POLICY.individual_budget,
        ge=0,
        description="What one requester may learn about any one individual by answers with fewer than ten"
        " carriers, in nats; 3.0: a test with 5 % false positives. Bites under floors of 10; a million or more: off.",
    )

    @property
    def policy(self) -> DisclosurePolicy:
        return DisclosurePolicy(**self.model_dump())


class AuditSettings(Section):
    """The audit chain: append-only, hash-chained, signed at checkpoints."""

    sync_s: float = Field(1.0, gt=0, description="A power cut loses at most this many seconds of events.")
    checkpoint_s: float = Field(
        60.0, gt=0, description="Events are signed after so many seconds at the latest."
    )
    checkpoint_events: int = Field(10_000, ge=1, description="Or after so many events, whichever is first.")
    segment_bytes: int = Field(
        16_777_216, ge=65_536, description="A new file of the chain begins after about that."
    )


class LogSettings(Section):
    """What the process writes to standard error. Secrets, tokens and genotypes never are among it."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least serious line written."
    )
    format: Literal["text", "json"] = Field("text", description="`json`: one object a line, for collectors.")


class TrustedHubSettings(Section):
    """A hub that this node belongs to."""

    id: str = Field(description="Identifier of the hub.")
    url: WebAddress = Field(description="Address of the hub.")
    public_keys: tuple[str, ...] = Field(
        (), description="Keys the hub may sign with, JWK or PEM, as `gdi hub key` prints."
    )


class FederationSettings(Section):
    """Whom this node trusts."""

    hubs: tuple[TrustedHubSettings, ...] = Field((), description="Hubs that this node belongs to.")
    tell_editions: bool = Field(
        True,
        description="Tell hubs under each answer which edition of the published datasets it is of, so that they may "
        "tell it again, to who asked, until there is another one.",
    )


class AccessSettings(Section):
    """What needs no visa."""

    open_datasets: tuple[str, ...] = Field(
        (), description="Datasets whose files everybody may have, such as public reference data."
    )


MAIN_PLACE: Final = "archive.storage"
"""What the archive's first place is called, which has no name of its own."""


class ArchiveSettings(Section):
    """Where a node keeps the files that providers send it, and how it takes them in."""

    storage: str = Field(
        "",
        description="Where archived files lie: 's3://bucket/prefix' or an absolute folder that is there; empty: "
        "`archive` in the data directory.",
    )
    inbox: str = Field(
        "",
        description="Where uploads lie until they are archived; empty: `inbox` in the data directory.",
    )
    volumes: Mapping[VolumeName, VolumePlace] = Field(
        {},
        description="Further places for archived files, by name: an absolute folder or 's3://bucket/prefix'. New "
        "files go to the first with room: `storage`, then these in order.",
    )
    least_free_bytes: int = Field(
        10_737_418_240,
        ge=0,
        description="A folder with less room takes no new files where there are several places.",
    )
    closed: tuple[str, ...] = Field(
        (),
        description="Places that take no new files, because `gdi archive move` is to empty them: names of volumes, or "
        "'archive.storage'.",
    )
    storage_options: Mapping[str, SecretText] = Field(
        {},
        description="Options of an object store: endpoint, region, access_key_id, secret_access_key, allow_http, "
        "timeout.",
    )
    recovery_key: str = Field(
        "",
        description="Public Crypt4GH key (PEM or Base64) whose private half lies in a safe: it opens every header.",
    )
    ingest_on_upload: bool = Field(
        default=True, description="Take a file in as soon as it is uploaded; else `gdi archive ingest` does."
    )
    jobs: int = Field(4, ge=1, le=8, description="Files taken in at the same time.")
    attempts: int = Field(
        12, ge=1, description="How often what fails by our own fault is tried before an operator must look."
    )
    first_rest_s: float = Field(2.0, gt=0, description="Seconds after the first failure; doubled each time.")
    longest_rest_s: float = Field(600.0, gt=0, description="Longest time between two attempts, in seconds.")
    scrub_days: float = Field(
        30.0, gt=0, description="Every archived file is read again and checked once in so many days."
    )
    scrub_mib_per_s: float = Field(
        50.0,
        ge=0,
        description="How fast the serving node reads for that, in MiB per second; 0: as fast as it can.",
    )
    unfinished_s: float = Field(
        604_800.0,
        ge=0,
        description="Seconds after which the parts that a killed node left in an S3 store are removed, more than any "
        "body takes to send; 0: never, because the bucket has a rule for that.",
    )
    notify_url: WebAddress = Field(
        "",
        description="Where to POST an event (CloudEvents, JSON) of what becomes of files; empty: to the log.",
    )
    notify_timeout_s: float = Field(10.0, gt=0, description="Longest time for one such POST, in seconds.")

    @model_validator(mode="after")
    def _closed_places_are_known_and_not_all(self) -> Self:
        places = {MAIN_PLACE, *self.volumes}
        if not set(self.closed) <= places:
            raise ValueError(f"closed must name places of this archive: {', '.join(sorted(places))}")
        if set(self.closed) == places:
            raise ValueError("closed must leave a place for new files")
        return self


class UploadsSettings(Section):
    """How providers send files: an S3-compatible endpoint and resumable uploads (tus)."""

    s3_base_path: BasePath = Field(
        "/s3", description="The S3-compatible endpoint answers below it, path-style: /s3/bucket/key."
    )
    tus_base_path: BasePath = Field(
        "/uploads/v1",
        description="Resumable uploads (tus 1.0.0); the public key to encrypt to is at /key below.",
    )
    piece_bytes: int = Field(
        16_777_216,
        ge=65_536,
        le=67_108_864,
        description="Uploads are kept in pieces of this size; what is lost by a crash is less than one.",
    )
    idle_s: float = Field(
        60.0, gt=0, description="Seconds of silence after which a request ends; slowness ends none."
    )
    expire_s: float = Field(
        604_800.0,
        gt=0,
        description="Seconds without anything new after which an unfinished upload is given up.",
    )
    quota_bytes: int = Field(
        0,
        ge=0,
        description="Bytes that each provider may hold, in inbox and archive together; 0: any number.",
    )
    quotas: Mapping[str, int] = Field(
        {}, description="The same for single providers, provider = bytes; 0: any number."
    )
    care_s: float = Field(300.0, gt=0, description="Seconds between two rounds of tidying the inbox.")


class DownloadSettings(Section):
    """Whole encrypted files and their parts by range, for callers with visas."""

    streams_per_caller: int = Field(
        8, ge=0, description="Bodies that are sent to one caller at the same time; 0: no limit."
    )
    header_hours: int = Field(
        168, ge=1, description="Hours for which an interrupted download goes on with the same header."
    )
    address_s: int = Field(
        900, ge=1, description="Seconds for which a signed address may be used to begin a download."
    )
    field_paths: bool = Field(
        default=True,
        description="Answer at /files, /datasets, /metadata, /objects, /s3, /s3-encrypted and /service-info too, where "
        "clients of the field's archives ask.",
    )
    cors_origins: tuple[str, ...] = Field(
        (), description="Origins whose web pages may download and read DRS answers, `*` for all; empty: none."
    )


class DrsSettings(Section):
    """The Data Repository Service, at /ga4gh/drs/v1."""

    host: str = Field(
        "",
        pattern=r"^([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)?$",
        description="Host name in `drs://` addresses; empty: the one of `public.external_url`.",
    )
    max_bulk: int = Field(200, ge=1, description="Most objects that one request may name; more get 413.")
    tells_totals: bool = Field(
        default=False, description="Tell everybody how many files there are and their size, in service-info."
    )


class RefgetSettings(Section):
    """Reference sequences by digest, for everybody; `gdi refget load` stores them."""

    path: BasePath = Field("/refget", description="Base path of the service.")
    subsequence_limit: int = Field(
        0, ge=0, description="Most bases that `start` and `end` may name at once; 0: no limit."
    )


class DeliverySettings(Section):
    """htsget: regions of files, decrypted or for the caller's Crypt4GH key, to callers with visas."""

    path: BasePath = Field(
        "/htsget", description="Base path of htsget; tickets are at `/reads` and `/variants` below."
    )
    ticket_s: int = Field(
        600,
        ge=10,
        description="Seconds for which a ticket holds; one over much data holds longer (2 MB a second).",
    )
    allow_plain: bool = Field(
        default=True, description="Deliver decrypted data too, as samtools needs it; `false`: Crypt4GH only."
    )
    encryption_mode: Literal["a", "b", "c"] = Field(
        "a",
        description="How to encrypt where a request does not say: `a` edit list, `b` filled segments, `c` fresh key.",
    )
    index_cache_bytes: int = Field(
        268_435_456, ge=0, description="Memory for indexes of the files that were asked for last, in bytes."
    )
    cram_processes: int = Field(
        2,
        ge=1,
        description="Most processes at a time that pick records out of CRAM for callers with visas for regions; "
        "each caller has one.",
    )
    cors_origins: tuple[str, ...] = Field(
        ("*",),
        description="Origins whose web pages may use htsget, `*` for all; a token is needed all the same.",
    )


class HubSettings(Section):
    """Which hub this is and how patient it is."""

    id: str = Field("org.example.hub", min_length=1, description="Reverse domain name of this hub, unique.")
    name: str = Field("OpenGDI hub", min_length=1, description="Name of this hub, for people.")
    environment: Environment = Field(
        "dev", description="`prod` refuses every default that only suits a laptop."
    )
    organisation: OrganisationSettings = OrganisationSettings()
    data_dir: FilePath = Field(Path("hub-data"), description="Registry and state of the hub, mode 0700.")
    keys_dir: FilePath = Field(Path("hub-keys"), description="Private keys of the hub, outside `data_dir`.")
    deadline_s: float = Field(4.0, gt=0, description="Time in which all members must answer, in seconds.")
    base_path: BasePath = Field(
        "/beacon-network",
        description="Both networks answer below it at /v2.0.0, each at /aggregated/… and /individuals/….",
    )
    registry_file: FilePath = Field(
        Path("registry.jws"), description="Signed registry of members; looked at again when it changes."
    )
    registry_keys: tuple[str, ...] = Field(
        (), description="Keys that may sign the registry, JWK or PEM; empty: the hub's own key."
    )
    max_answer_bytes: int = Field(
        16_777_216, ge=1024, description="Largest answer taken from one member, in bytes."
    )
    refresh_s: float = Field(
        3600.0, gt=0, description="Seconds between readings of what members say about themselves."
    )
    rest_after_failures: int = Field(
        3, ge=1, description="Failures in a row after which a member is left alone for `rest_s`."
    )
    rest_s: float = Field(30.0, gt=0, description="Seconds for which a failing member is left alone.")
    quarantine_s: float = Field(
        600.0, gt=0, description="Seconds for which a member with malformed answers is left alone."
    )
    keep_answers_s: float = Field(
        60.0,
        ge=0,
        description="Seconds for which a member's answer may be told again to who asked for it, while the member "
        "publishes nothing new; 0: never.",
    )
    keep_answers_mib: int = Field(
        64, ge=1, description="Memory for such answers, in MiB; those used least recently go first."
    )
    answers_mib: int = Field(
        256,
        ge=1,
        description="Answers of members that are held while others are waited for, in MiB as they were sent; in "
        "memory five times as much. What comes beyond is not told.",
    )
    requests: int = Field(
        0,
        ge=0,
        description="Questions that one caller may ask in `requests_window_s`; 0: no limit beside the budgets.",
    )
    requests_window_s: float = Field(60.0, gt=0, description="Seconds over which `requests` are counted.")

    @model_validator(mode="after")
    def _keys_lie_outside_the_data(self) -> Self:
        check_keys_apart(self.keys_dir, self.data_dir)
        return self

    @model_validator(mode="after")
    def _production_has_a_name(self) -> Self:
        _check_production(self.environment, _left_as_they_came(self.id, self.organisation))
        return self


class Settings(Section):
    """The whole tree. A node reads `node`, a hub reads `hub`; the rest is common."""

    node: NodeSettings = NodeSettings()
    public: PublicSettings = PublicSettings()
    management: ManagementSettings = ManagementSettings()
    limits: LimitsSettings = LimitsSettings()
    database: DatabaseSettings = DatabaseSettings()
    bulk: BulkSettings = BulkSettings()
    beacon: BeaconSettings = BeaconSettings()
    disclosure: DisclosureSettings = DisclosureSettings()
    audit: AuditSettings = AuditSettings()
    log: LogSettings = LogSettings()
    federation: FederationSettings = FederationSettings()
    access: AccessSettings = AccessSettings()
    identity: IdentitySettings = IdentitySettings()
    requests: AccessRequestSettings = AccessRequestSettings()
    mail: MailSettings = MailSettings()
    archive: ArchiveSettings = ArchiveSettings()
    uploads: UploadsSettings = UploadsSettings()
    download: DownloadSettings = DownloadSettings()
    drs: DrsSettings = DrsSettings()
    refget: RefgetSettings = RefgetSettings()
    delivery: DeliverySettings = DeliverySettings()
    hub: HubSettings = HubSettings()

    @model_validator(mode="after")
    def _production_knows_its_address(self) -> Self:
        production = "prod" in {self.node.environment, self.hub.environment}
        if production and not self.public.external_url and not is_loopback(self.public.host):
            raise PydanticCustomError(
                "elsewhere",
                "must be set in environment 'prod': answers would name the address {host}",
                {"place": ("public", "external_url"), "host": self.public.host},
            )
        return self

    @model_validator(mode="after")
    def _production_mails_in_secret(self) -> Self:
        if "prod" in {self.node.environment, self.hub.environment} and self.mail.is_overheard:
            raise PydanticCustomError(
                "elsewhere",
                "'none' is refused in environment 'prod' for a server elsewhere: use 'starttls' or 'tls'",
                {"place": ("mail", "security")},
            )
        return self
