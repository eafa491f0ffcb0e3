"""GA4GH Beacon v2.2.0: requests of every dialect into one form, answers in the published form.

questions (what is asked) · request (parsing GET and POST) · answer (envelopes and records) · entry_types ·
variant_types (VCF, SO and EFO names and their hierarchy) · filtering (filters as asked).
"""

from opengdi.standards.beacon.version import SPEC_VERSION

__all__ = ["SPEC_VERSION"]
