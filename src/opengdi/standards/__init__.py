"""Published specifications as pure code: no I/O, no clock, no randomness of its own.

Each module names its specification and version in `SPEC_VERSION`. Everything here raises only `Malformed`
(the input breaks the specification) or `Unverified` (a signature, MAC or date fails).
"""
