"""Where none may hold up the others."""

from __future__ import annotations

import pytest

from opengdi.access.each import do_each
from opengdi.kernel.errors import Unavailable


def test_what_fails_keeps_no_other_from_being_done_and_is_named_in_the_end():
    done: list[str] = []

    def work(id_: str) -> int:
        if id_.startswith("bad"):
            raise ValueError(id_)
        done.append(id_)
        return 2

    with pytest.raises(Unavailable, match=r"for bad-1, bad-2$"):
        do_each("telling", ["bad-1", "a", "bad-2", "b"], work)
    assert done == ["a", "b"]
    assert do_each("telling", ["c", "d"], work) == 4


def test_where_many_fail_some_are_named():
    def work(_id: str) -> int:
        raise ValueError

    with pytest.raises(Unavailable, match="for 0, 1, 2, 3, 4 and 7 more"):
        do_each("telling", map(str, range(12)), work)
