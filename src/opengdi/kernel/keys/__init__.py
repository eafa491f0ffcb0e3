"""Keys of a node or hub: files outside the data directory, ES256 and RS256 signatures, rotation, keyed pseudonyms.

Whoever copies the data must not get the keys, so a key file inside the data directory, or one that others may
read, is refused and never repaired. Signatures are compact JWS; a key's id is its JWK thumbprint.

signatures (pure) · folder (files) · rotation (key pairs that follow each other) · secrets (and pseudonyms)
"""

from opengdi.kernel.keys.folder import KeyFolder
from opengdi.kernel.keys.rotation import RotatingKeys, Rotation, rotating_names
from opengdi.kernel.keys.secrets import Secret, address_pseudonym, pseudonym
from opengdi.kernel.keys.signatures import (
    SMALLEST_RSA_BITS,
    Algorithm,
    PublicKey,
    SigningKey,
    key_set,
    read_key_set,
    verify,
)

__all__ = [
    "SMALLEST_RSA_BITS",
    "Algorithm",
    "KeyFolder",
    "PublicKey",
    "RotatingKeys",
    "Rotation",
    "Secret",
    "SigningKey",
    "address_pseudonym",
    "key_set",
    "pseudonym",
    "read_key_set",
    "rotating_names",
    "verify",
]
