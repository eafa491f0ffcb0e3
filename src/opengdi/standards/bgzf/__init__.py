"""BGZF: gzip in blocks that can be read from the middle, and the indexes (.tbi, .csi) that point into them.

Spec: SAM/BAM format specification §4.1 "The BGZF compression format"; Tabix; CSIv1.
"""

from __future__ import annotations

from typing import Final

SPEC_VERSION: Final = "SAMv1 4.1, CSIv1"
