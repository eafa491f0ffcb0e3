"""Identity: who somebody is, and what has been said of them that may be believed.

Promises: nobody is believed by default; a visa counts only by its signature, from an issuer that the settings name for
that dataset, within its time, and while it is not revoked; no address in a token is fetched unless settings name it.
Standards: OpenID Connect Core 1.0, GA4GH AAI 1.2 and Passport 1.2, RFC 6749, 7636, 8693, 8707, 9068.
Needs: a state database, keys, a clock, an audit chain.

clearinghouse (checks passports and visas) · issuer (signs visas) · broker (the hub's passports) · login (people in a
browser) · development (an identity provider for demo and tests) · machines (keys of programs) · revocations.
"""
