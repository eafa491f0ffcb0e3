"""Logging people in with a browser, as a relying party of an OpenID provider.

Promises: no token of the provider reaches a browser; a login holds only in the browser that began it; a session has a
new id at each login and ends when it is idle, when it is old, or when somebody says so.
Standards: OpenID Connect Core 1.0, Discovery 1.0, RP-Initiated Logout 1.0, RFC 6749, 7636 (PKCE), 9207 (iss), RFC 9700.
Needs: a state database, a key, a clock, an audit chain, a provider that issues id tokens in RS256 or ES256.
"""
