"""One thing after another, where none may hold up the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Final

from opengdi.kernel.errors import Unavailable

logger = logging.getLogger(__name__)

_MOST_NAMED: Final = 5


def do_each(what: str, ids: Iterable[str], work: Callable[[str], int]) -> int:
    """The sum of what `work` counts. What fails is logged, and keeps no other from being done.

    what: such as `what is due of a case`. Raises Unavailable, naming those that failed, once all were tried.
    """
    done, failed = 0, list[str]()
    for id_ in ids:
        try:
            done += work(id_)
        except Exception:
            logger.exception("%s cannot be done: %s", what, id_)
            failed.append(id_)
    if failed:
        others = f" and {len(failed) - _MOST_NAMED} more" if len(failed) > _MOST_NAMED else ""
        raise Unavailable(f"{what} cannot be done for {', '.join(failed[:_MOST_NAMED])}{others}")
    return done
