"""Visa issuer: signs, for minutes, what permits and the register of people say.

Promises: every visa comes from a grant or a standing that holds at that moment, ends with it, and is in the audit chain
by its `jti` before anybody gets it; the next key is published before it signs, an old one until nothing needs it.
Standard: GA4GH AAI OIDC Profile and Passport 1.2.1. Needs: `Grants`, `Standings`, a state database, keys, audit.
"""
