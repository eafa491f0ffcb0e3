"""The budget ledger's rows: what each transaction booked of a purse, and whose turn it is to book.

In SQL, because to build statements anew for each transaction takes SQLAlchemy longer than they take the database
(2026-11).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import BigInteger, Column, Engine, Index, Integer, String, Table, Text
from sqlalchemy.engine.interfaces import DBAPICursor

from opengdi.kernel.database import driver_text, metadata

budget_turn: Final = Table(
    "budget_turn",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("turn", BigInteger, nullable=False),
)
"""One row; whoever has updated it writes alone until commit."""

budget_journal: Final = Table(
    "budget_journal",
    metadata,
    Column("turn", BigInteger, primary_key=True, autoincrement=False),
    Column("purse", String(200), primary_key=True),
    Column("booked", Text, nullable=False),
    Index(None, "purse"),
)
"""What a transaction booked of a purse in all datasets, as `bookings_text` writes it."""

_TURN: Final = "SELECT turn FROM budget_turn"
_TAKE_TURN: Final = "UPDATE budget_turn SET turn = turn + 1"
"""Without RETURNING, which takes SQLite 40 µs, where reading the turn takes 1 (2026-11)."""
_APPEND: Final = "INSERT INTO budget_journal (turn, purse, booked) VALUES (?, ?, ?)"
_SINCE: Final = "SELECT purse, booked FROM budget_journal WHERE turn > ?"
_OF: Final = "SELECT booked FROM budget_journal WHERE purse = ?"
_AFTER: Final = "SELECT turn, booked FROM budget_journal WHERE purse = ? AND turn > ? ORDER BY turn LIMIT ?"
_TAKE_OUT: Final = "DELETE FROM budget_journal WHERE purse = ? AND turn BETWEEN ? AND ?"


class BudgetRows:
    """Reads and writes them by a cursor of the database's own driver."""

    def __init__(self, engine: Engine) -> None:
        self._append, self._since, self._of, self._after, self._take_out = (
            driver_text(engine, statement) for statement in (_APPEND, _SINCE, _OF, _AFTER, _TAKE_OUT)
        )

    def turn(self, cursor: DBAPICursor) -> int:
        """The number of the last transaction that booked."""
        cursor.execute(_TURN)
        ((turn,),) = cursor.fetchall()
        return int(turn)

    def take_turn(self, cursor: DBAPICursor) -> int:
        """The number of this transaction; from now to its end nobody else has one."""
        cursor.execute(_TAKE_TURN)
        return self.turn(cursor)

    def append(self, cursor: DBAPICursor, rows: Sequence[tuple[int, str, str]]) -> None:
        """Add rows of (turn, purse, what was booked)."""
        cursor.executemany(self._append, rows)

    def since(self, cursor: DBAPICursor, turn: int) -> Sequence[tuple[str, str]]:
        """(purse, what was booked) of all transactions after a turn."""
        cursor.execute(self._since, (turn,))
        return cursor.fetchall()

    def of(self, cursor: DBAPICursor, purse: str) -> Sequence[str]:
        """All that was booked of a purse."""
        cursor.execute(self._of, (purse,))
        return [booked for (booked,) in cursor.fetchall()]

    def after(self, cursor: DBAPICursor, purse: str, turn: int, most: int) -> Sequence[tuple[int, str]]:
        """(turn, what was booked) of the first rows of a purse after a turn, in order."""
        cursor.execute(self._after, (purse, turn, most))
        return cursor.fetchall()

    def join(self, cursor: DBAPICursor, purse: str, turns: tuple[int, int], booked: str) -> None:
        """Put one row in the place of those of a purse from the first to the last of `turns`."""
        cursor.execute(self._take_out, (purse, *turns))
        self.append(cursor, [(turns[1], purse, booked)])
