"""A built-in identity provider for the demo and for tests: whoever opens it chooses who to be. Never for real people.

Promises: it starts only where settings ask for it, in environment `dev` or `test`, on loopback; it sends nobody but to
loopback. Standards: OpenID Connect Core 1.0, Discovery 1.0, RP-Initiated Logout 1.0, RFC 7636, 9068, 9207.
Paths of the mock of LS-AAI that the field's starter kits use are answered too (`/auth/authorize`, `/jwk`,
`/ga4gh-broker`); researchers have the two visas of registered access.
"""
