"""Votes of a body, counted. Pure; whose votes count is decided here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass

from opengdi.access.cases.model import Ballot, Case, Vote


@dataclass(frozen=True, slots=True)
class Tally:
    """What the ballots say to one dataset. carried: granted by the committee; chair: as the chair voted."""

    ballots: int
    grants: int
    denials: int
    chair: Vote | None
    carried: bool


def counted(case: Case) -> dict[str, Ballot]:
    """The ballots that count: never those of people with a conflict, nor of first deciders in an appeal."""
    return {
        subject: ballot
        for subject, ballot in case.ballots.items()
        if not case.is_conflicted(subject, frozenset()) and subject not in case.excluded
    }


def tally(case: Case, dataset: str) -> Tally:
    """Carried: the quorum is there, and more are for than against it; in a tie the chair, if that is the rule."""
    ballots = counted(case)
    votes = [ballot.votes.get(dataset, Vote.ABSTAIN) for ballot in ballots.values()]
    chairs = [ballot.votes.get(dataset, Vote.ABSTAIN) for ballot in ballots.values() if ballot.chair]
    grants, denials = votes.count(Vote.GRANT), votes.count(Vote.DENY)
    chair = chairs[0] if len(set(chairs)) == 1 else None
    tie_is_won = grants == denials > 0 and case.workflow.chair_breaks_ties and chair is Vote.GRANT
    quorate = len(votes) >= case.workflow.quorum
    return Tally(len(votes), grants, denials, chair, quorate and (grants > denials or tie_is_won))


def is_settled(case: Case) -> bool:
    """True once the quorum is there and those who have not voted yet cannot change anything."""
    cast, left = len(counted(case)), case.workflow.may_vote - len(counted(case))
    if cast < case.workflow.quorum:
        return False
    found = [tally(case, each.dataset) for each in case.datasets]
    return left <= 0 or all(abs(each.grants - each.denials) > left for each in found)


def supporters(case: Case, dataset: str) -> frozenset[str]:
    """Who voted for granting it."""
    return frozenset(
        subject for subject, ballot in counted(case).items() if ballot.votes.get(dataset) is Vote.GRANT
    )
