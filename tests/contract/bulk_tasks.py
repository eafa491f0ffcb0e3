"""Functions that pools carry out in their workers: importable by name, with picklable arguments."""

from __future__ import annotations

import os
import time
from pathlib import Path

from opengdi.kernel.errors import Invalid


def square(number: int) -> int:
    return number * number


def square_after(number_and_seconds: tuple[int, float]) -> int:
    number, seconds = number_and_seconds
    time.sleep(seconds)
    return number * number


def refuse_odd(number: int) -> int:
    if number % 2:
        raise Invalid(f"sites.vcf:{number}: odd numbers are refused", public="odd")
    return number


def divide_ten_by(number: int) -> float:
    return 10 / number


class AwkwardError(Exception):
    """Cannot be unpickled: its constructor wants more than it remembers."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} and {second}")


def raise_awkwardly(_number: int) -> None:
    raise AwkwardError("one", "two")


def return_a_function(_number: int) -> object:
    return lambda: None


def die(_number: int) -> None:
    os.kill(os.getpid(), 9)


def leave_a_mark_and_sleep(folder: str) -> None:
    Path(folder, str(os.getpid())).touch()
    time.sleep(600)


def process_id_after(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()
