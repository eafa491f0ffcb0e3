"""A process of its own that picks records out of a CRAM: from memory to memory, decoded and encoded by htslib.

Run as a script with the folder of pysam, the version of the format, and the regions as JSON, with a file as standard
input and another as standard output; nothing of this package is imported. A file that htslib stumbles over ends this
process only, and leaves no core file: that would hold plaintext. Exit status 0 says that every record was written.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from bisect import bisect_left
from collections.abc import Callable
from typing import Any

LARGEST_OUTPUT_BYTES = 1 << 28
LARGEST_MEMORY_BYTES = 2 << 30
LONGEST_S = 60
"""Of one core."""

DAMAGED, LACKS_REFERENCE = 1, 2
"""Exit statuses; so is what a signal makes of it, such as that of a limit."""

NO_REFERENCE = b"cram_get_ref"
"""Whose message it is in htslib that a reference sequence is not to be had."""

GIVEN, MADE, STANDARD_ERROR = "/proc/self/fd/0", "/proc/self/fd/1", 2
"""Always of the same name: htslib calls reads by it that the provider left without names."""

WARNINGS = 3
LONGEST_SAID = 1 << 16


def main(packages: str, version: str, regions: str) -> int:
    """The records of standard input that overlap a region, written to standard output; 0 if all went well."""
    most = min(
        1, abs(resource.getrlimit(resource.RLIMIT_CORE)[1])
    )  # -1 is no limit; 1 holds for pipes, 0 does not
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_OUTPUT_BYTES, LARGEST_OUTPUT_BYTES))
    resource.setrlimit(resource.RLIMIT_AS, (LARGEST_MEMORY_BYTES, LARGEST_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (LONGEST_S, LONGEST_S))
    said = os.memfd_create("said")  # messages may quote records: they stay in the memory of this process
    os.dup2(said, STANDARD_ERROR)
    sys.path.append(packages)
    try:
        pick(version, overlap_with(json.loads(regions)))
    except OSError:
        return LACKS_REFERENCE if NO_REFERENCE in os.pread(said, LONGEST_SAID, 0) else DAMAGED
    return 0


def pick(version: str, is_wanted: Callable[[Any], bool]) -> None:
    """Raises OSError if a record cannot be decoded, or written."""
    import pysam  # noqa: PLC0415  # found only now

    pysam.set_verbosity(WARNINGS)  # that a reference is not there is one
    # no_ref: every reader can decode the answer, also one who has no reference at all
    options = [f"version={version}", "no_ref=1"]
    with (
        pysam.AlignmentFile(GIVEN, "rc", check_sq=False) as stored,
        pysam.AlignmentFile(MADE, "wc", template=stored, format_options=options) as picked,
    ):
        for record in stored.fetch(until_eof=True):
            if is_wanted(record):
                picked.write(record)


def overlap_with(regions: list[tuple[int, int, int]]) -> Callable[[Any], bool]:
    """Whether a record overlaps one of `regions` (reference, start, end), sorted, none of which overlaps another.

    A record with nothing aligned stands for its one base, as where BAM is cut.
    """
    starts = [(reference, start) for reference, start, _ in regions]

    def is_wanted(record: Any) -> bool:
        reference, start = record.reference_id, record.reference_start
        end = record.reference_end or start + 1
        before = bisect_left(starts, (reference, end)) - 1  # the last region that starts left of its end
        return before >= 0 and regions[before][0] == reference and start < regions[before][2]

    return is_wanted


if __name__ == "__main__":
    try:
        os._exit(main(*sys.argv[1:]))
    except BaseException:  # noqa: BLE001  # whatever it is: no traceback, which may quote the file
        os._exit(DAMAGED)
