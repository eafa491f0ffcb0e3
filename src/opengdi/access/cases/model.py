"""What a case is: states, commands, votes, and the facts that its events add up to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from opengdi.access.decision import Ruling
from opengdi.access.model import Purpose
from opengdi.kernel.principal import Role


class State(StrEnum):
    """Where a case stands."""

    NOTHING = "nothing"
    CONFORMITY = "conformity-check"
    ETHICS = "ethics-check"
    OPINION = "opinion"
    VOTE = "vote"
    DECISION = "decision"
    COUNTERSIGNATURE = "countersignature"
    CONSENSUS = "consensus"
    WAITING = "waiting-for-applicant"
    APPEAL = "appeal"
    DECIDED = "decided"
    WITHDRAWN = "withdrawn"


STEPS: Final = (
    State.CONFORMITY,
    State.ETHICS,
    State.OPINION,
    State.VOTE,
    State.DECISION,
    State.COUNTERSIGNATURE,
)
"""What a workflow is made of, in the order in which its steps may follow each other."""

OPEN: Final = frozenset({*STEPS, State.CONSENSUS, State.WAITING, State.APPEAL})
"""States in which a decision is still due."""


class CaseKind(StrEnum):
    """What a case asks of its body. COUNTERSIGN: whether its country lets go what is decided centrally."""

    DECIDE = "decide"
    CENTRAL = "central"
    COUNTERSIGN = "countersign"


class Command(StrEnum):
    """What can be asked of a case."""

    DECLARE_INTEREST = "declare-interest"
    ASSIGN_REVIEWERS = "assign-reviewers"
    CHECK_CONFORMITY = "check-conformity"
    CHECK_ETHICS = "check-ethics"
    GIVE_OPINION = "give-opinion"
    CAST_BALLOT = "cast-ballot"
    CLOSE_VOTE = "close-vote"
    DECIDE = "decide"
    COUNTERSIGN = "countersign"
    VETO = "veto"
    LIFT_VETO = "lift-veto"
    SEEK_CONSENSUS = "seek-consensus"
    CONCLUDE_CONSENSUS = "conclude-consensus"
    ASK_QUESTION = "ask-question"
    REQUEST_CHANGE = "request-change"
    RESUME = "resume"
    REMARK = "remark"
    EXTEND = "extend"


class Vote(StrEnum):
    """What a member says to a dataset."""

    GRANT = "grant"
    DENY = "deny"
    ABSTAIN = "abstain"


class Silence(StrEnum):
    """What it means that a body lets its time pass."""

    DENY = "deny"
    APPROVE = "approve"
    ESCALATE = "escalate"


class Criterion(StrEnum):
    """What an application must fulfil. Source: GDI-SOP0003, criteria of the data access committee."""

    INSTITUTIONAL_SIGN_OFF = "institutionalSignOff"
    ANALYSIS_PLAN = "analysisPlan"
    DATA_MINIMISATION = "dataMinimisation"
    SUITABLE_ALGORITHMS = "suitableAlgorithms"
    ETHICS_APPROVAL = "ethicsApproval"
    FUNDING = "funding"
    CONSISTENCY = "consistency"
    SCIENTIFIC_REVIEW = "scientificReview"


class EthicsOutcome(StrEnum):
    """What an ethics check found. BOARD: a board of ethics members is to look at it."""

    CLEARED = "cleared"
    REFUSED = "refused"
    BOARD = "board"


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a workflow. roles: who may do what it is for.

    working_days: after which it is overdue, 0: never; reminder_days: calendar days after which it is called to mind,
    0: never; needed: how many opinions complete it.
    """

    state: State
    roles: frozenset[Role]
    working_days: int = 0
    reminder_days: int = 0
    needed: int = 1


@dataclass(frozen=True, slots=True)
class Workflow:
    """How cases of a purpose go, and when. A case keeps the workflow that it began with.

    quorum: ballots without which nothing is granted; seats: how many may vote, 0: as many as the quorum.
    people: how many different ones must stand behind a grant. deadline_working_days: when silence is applied; by
    reasoned extension, at most `extensions` times, `extension_working_days` later. country: whose holidays count.
    """

    id: str
    version: int
    steps: tuple[Step, ...]
    quorum: int = 2
    seats: int = 0
    people: int = 2
    chair_breaks_ties: bool = True
    silence: Silence = Silence.DENY
    deadline_working_days: int = 27
    extension_working_days: int = 0
    extensions: int = 0
    delay_months: int = 2
    consensus_working_days: int = 10
    appeal_working_days: int = 20
    country: str = "EU"

    def step(self, state: State) -> Step | None:
        """The step of that state, if the workflow has it."""
        return next((step for step in self.steps if step.state is state), None)

    @property
    def may_vote(self) -> int:
        """M of "N of M"."""
        return max(self.seats, self.quorum)


@dataclass(frozen=True, slots=True)
class CaseDataset:
    """A dataset release that is to be decided on."""

    dataset: str
    version: str
    type: str = ""


@dataclass(frozen=True, slots=True)
class Application:
    """What a case is about, as far as rules need it; the rest is a text. digest: of this version of it.

    people: applicant and members; organisations: theirs. until: the latest end that is asked for.
    """

    id: str = ""
    version: int = 0
    digest: str = ""
    purpose: Purpose = Purpose.RESEARCH
    applicant: str = ""
    people: frozenset[str] = frozenset()
    organisations: frozenset[str] = frozenset()
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """A case as a hub offers it. text: the whole of it as JSON, for people to read."""

    case: str
    kind: CaseKind
    body: str
    hub: str
    round: int
    application: Application
    datasets: tuple[CaseDataset, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody wrote, with the id under which it is kept."""

    id: str
    body: str

    def __bool__(self) -> bool:
        return bool(self.body.strip())


NO_NOTE: Final = Note("", "")


@dataclass(frozen=True, slots=True)
class RulingWish:
    """What the formal decision on one dataset is to be. until: None takes the end that was asked for."""

    dataset: str
    granted: bool
    reasons: Note = NO_NOTE
    conditions: tuple[Note, ...] = ()
    until: datetime | None = None
    regions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Act:
    """A command with what it says; what a command does not know is left as it is here."""

    command: Command
    text: Note = NO_NOTE
    conflict: bool = False
    public: bool = False
    favours: bool = False
    reached: bool = False
    final: bool = True
    criteria: Mapping[Criterion, bool] = field(default_factory=dict)
    reasons: Mapping[Criterion, Note] = field(default_factory=dict)
    ethics: EthicsOutcome = EthicsOutcome.CLEARED
    vote: Vote = Vote.ABSTAIN
    votes: Mapping[str, Vote] = field(default_factory=dict)
    members: Mapping[str, frozenset[Role]] = field(default_factory=dict)
    datasets: tuple[str, ...] = ()
    rulings: tuple[RulingWish, ...] = ()
    working_days: int = 0


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: roles are those in the body of the case; organisations: where the person belongs."""

    subject: str
    roles: frozenset[Role] = frozenset()
    organisations: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Ballot:
    """How a member voted. chair: as the chair of the body."""

    votes: Mapping[str, Vote]
    chair: bool = False


@dataclass(frozen=True, slots=True)
class Clock:
    """When something is due; None: nothing of that kind. stopped: since when the applicant is waited for.

    opened: when the case came. due: of the step; remind: of it too; deadline: when silence is applied; delay: when
    the applicant is told that it takes long.
    """

    opened: datetime | None = None
    due: datetime | None = None
    remind: datetime | None = None
    deadline: datetime | None = None
    delay: datetime | None = None
    stopped: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """A formal decision as recorded. jws, digest: id of the text with the signed decision, and its digest.

    by: the subject, empty for silence. Reasons and conditions in the rulings are ids of texts. people: whom the
    version of the application names that was decided on.
    """

    rulings: tuple[Ruling, ...]
    by: str
    at: datetime
    jws: str
    digest: str
    tacit: bool = False
    appeal: bool = False
    automatic: bool = False
    people: frozenset[str] = frozenset()


_NO_WORKFLOW: Final = Workflow("", 0, ())


@dataclass(frozen=True, slots=True)
class Case:
    """What the events of a case add up to. before: where it goes on after a consensus or an answer.

    interests: whether those who declared themselves have a conflict. excluded: who decided first, during an appeal.
    vetoes: by dataset, who laid it. offer: id of the text of the offer in force. late: the step let its time pass.
    """

    id: str = ""
    kind: CaseKind = CaseKind.DECIDE
    body: str = ""
    hub: str = ""
    round: int = 1
    state: State = State.NOTHING
    before: State = State.NOTHING
    application: Application = field(default_factory=Application)
    datasets: tuple[CaseDataset, ...] = ()
    offer: str = ""
    workflow: Workflow = _NO_WORKFLOW
    clock: Clock = field(default_factory=Clock)
    interests: Mapping[str, bool] = field(default_factory=dict)
    reviewers: frozenset[str] = frozenset()
    checked_by: str = ""
    ethics_by: str = ""
    conforms: bool | None = None
    ethics: EthicsOutcome | None = None
    opinions: Mapping[str, bool] = field(default_factory=dict)
    ballots: Mapping[str, Ballot] = field(default_factory=dict)
    closed: bool = False
    vetoes: Mapping[str, str] = field(default_factory=dict)
    extensions: int = 0
    escalated: bool = False
    late: bool = False
    decided: Decided | None = None
    excluded: frozenset[str] = frozenset()

    @property
    def names(self) -> frozenset[str]:
        """Ids of the datasets."""
        return frozenset(each.dataset for each in self.datasets)

    @property
    def is_appeal(self) -> bool:
        """True while it is decided again."""
        return State.APPEAL is (self.before if self.state is State.CONSENSUS else self.state)

    def is_conflicted(self, subject: str, organisations: frozenset[str]) -> bool:
        """True for who takes part, who belongs where a participant belongs, and who declared a conflict."""
        own = subject in self.application.people or bool(organisations & self.application.organisations)
        return own or self.interests.get(subject, False)
