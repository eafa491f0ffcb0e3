"""The two ways in which foreign input can be wrong."""


class Malformed(ValueError):
    """The input breaks its specification; the message names the part and says what would be right."""


class Unverified(Exception):
    """The input is well formed, but a signature, MAC, digest or date does not hold."""
