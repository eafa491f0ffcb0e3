"""A process of its own that builds one index: the decrypted file comes by a pipe, the index goes to memory.

Run as a script with the path of htslib, the format, and the descriptor for the index; nothing of this package is
imported. A file that htslib stumbles over ends this process only, and leaves no core file: that would hold plaintext.
Exit status 0 says that there is an index.
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys

LARGEST_INDEX_BYTES = 1 << 30
LARGEST_MEMORY_BYTES = 4 << 30
BINS_OF_16_KIB = 14
"""CSI `min_shift`; BAI and TBI have the same, but end at positions of 512 Mbp."""

NO_THREADS = 0
"""None beside the one: htslib's pool of readers hangs now and then over a damaged file."""

STANDARD_INPUT = b"-"


def main(library: str, file_format: str, descriptor: str) -> int:
    """The index of standard input, written to the descriptor; 0 if it could be made."""
    most = min(
        1, abs(resource.getrlimit(resource.RLIMIT_CORE)[1])
    )  # -1 is no limit; 1 holds for pipes, 0 does not
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_INDEX_BYTES, LARGEST_INDEX_BYTES))
    resource.setrlimit(resource.RLIMIT_AS, (LARGEST_MEMORY_BYTES, LARGEST_MEMORY_BYTES))
    htslib = ctypes.CDLL(library)
    htslib.hts_set_log_level(0)  # its messages may quote records
    target = f"/proc/self/fd/{descriptor}".encode()
    return 0 if _build(htslib, file_format, target) == 0 else 1


def _build(htslib: ctypes.CDLL, file_format: str, target: bytes) -> object:
    match file_format:
        case "BAM":
            return htslib.sam_index_build3(STANDARD_INPUT, target, BINS_OF_16_KIB, NO_THREADS)
        case "CRAM":
            return htslib.sam_index_build3(STANDARD_INPUT, target, 0, NO_THREADS)
        case "VCF":
            columns = (ctypes.c_int32 * 6).in_dll(htslib, "tbx_conf_vcf")
            return htslib.tbx_index_build3(
                STANDARD_INPUT, target, BINS_OF_16_KIB, NO_THREADS, ctypes.byref(columns)
            )
        case _:
            return htslib.bcf_index_build3(STANDARD_INPUT, target, BINS_OF_16_KIB, NO_THREADS)


if __name__ == "__main__":
    os._exit(main(*sys.argv[1:]))
