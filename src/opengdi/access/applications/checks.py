"""What keeps an application from being submitted, all at once: its forms, its people, its data, its terms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from opengdi.access.applications.cohorts import Cohort
from opengdi.access.applications.content import Content, answers_of
from opengdi.access.applications.model import Application
from opengdi.access.applications.rules import needs_confirmation
from opengdi.access.forms.model import Fault, Form
from opengdi.access.forms.rules import faults_of
from opengdi.access.model import Purpose
from opengdi.access.ports import OfferedDataset, Standing
from opengdi.kernel.release import DatasetType

TERMS: Final = "t.actions.errors/licenses-not-accepted"
"""As the clients of the field know it (REMS)."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms of use that everybody with access accepts. id: names the text and its version."""

    id: str
    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is looked up before a submission: the forms it answers, its people's standing, the data there are."""

    forms: Sequence[Form]
    standings: Mapping[str, Standing]
    offered: Sequence[OfferedDataset | None]
    terms: Sequence[Terms]


def submission_faults(
    application: Application, content: Content, around: Circumstances, now: datetime
) -> list[Fault]:
    """Everything that is wrong, in the order in which a person would look."""
    attachments = {file.id for file in application.attachments if not file.redacted}
    return [
        *_frame_faults(content, now),
        *_dataset_faults(application, around),
        *_cohort_faults(application, content),
        *faults_of(around.forms, answers_of(content), attachments),
        *_people_faults(application, around),
        *_terms_faults(application, around.terms),
    ]


def _frame_faults(content: Content, now: datetime) -> Iterable[Fault]:
    if not content.title.strip():
        yield Fault("title-missing", detail="the application needs a title")
    if not content.until:
        yield Fault("until-missing", detail="the application must say until when the data are needed")
    elif content.until <= now.date().isoformat():
        yield Fault("until-past", detail=f"until {content.until} is not in the future")


def _dataset_faults(application: Application, around: Circumstances) -> Iterable[Fault]:
    if not application.datasets:
        yield Fault("datasets-missing", detail="the application names no dataset")
    for asked, offered in zip(application.datasets, around.offered, strict=True):
        if offered is None:
            yield Fault(
                "dataset-not-offered", detail=f"{asked.dataset} version {asked.version} is not offered"
            )
        elif offered.dataset_type is DatasetType.EXTERNALLY_GOVERNED:
            yield Fault("dataset-governed-elsewhere", detail=redirect_text(offered))


def _cohort_faults(application: Application, content: Content) -> Iterable[Fault]:
    cohort = content.cohort
    if isinstance(cohort, Cohort) and not cohort.is_about(application.datasets):
        yield Fault(
            "cohort-of-other-datasets",
            detail="the cohort was counted in other datasets than are asked for; count it again",
        )


def redirect_text(offered: OfferedDataset) -> str:
    """Where a dataset is asked for that governs itself elsewhere (E-05)."""
    where = f" at {offered.url}" if offered.url else ""
    return f"{offered.dataset} is governed elsewhere; ask for it{where}"


def _people_faults(application: Application, around: Circumstances) -> Iterable[Fault]:
    applicant = around.standings[application.applicant]
    yield from _standing_faults("applicant", applicant, application.purpose)
    for member in application.members:
        yield from _standing_faults("member", around.standings[member.subject], application.purpose)
    if needs_confirmation(application.purpose):
        officials = applicant.signing_officials - {application.applicant} - application.member_subjects
        if not officials:
            yield Fault(
                "signing-official-missing",
                detail="nobody at the applicant's organisation who takes no part may sign for it",
            )


def _standing_faults(role: str, standing: Standing, purpose: Purpose) -> Iterable[Fault]:
    """E-20, and E-21 where the purpose is care."""
    why = "; ".join(standing.lacking)
    if not standing.may_request:
        said = f"{standing.subject} may not request data" + (f": {why}" if why else "")
        yield Fault(f"{role}-may-not-request", detail=said)
    elif purpose is Purpose.HEALTHCARE and not standing.may_reuse_for_care:
        yield Fault(
            f"{role}-may-not-reuse-for-care",
            detail=f"{standing.subject} needs a healthcare contract and a checked licence",
        )


def _terms_faults(application: Application, terms: Iterable[Terms]) -> Iterable[Fault]:
    accepted = application.accepted.get(application.applicant, frozenset())
    for one in terms:
        if one.id not in accepted:
            yield Fault(TERMS, detail=f"terms {one.id} are not accepted by the applicant")
