"""Clearinghouse: decides what passports and visas prove here.

Promises: no address in a token is fetched unless settings name the pair of issuer and address; a visa for a dataset
counts only from the authority for that dataset; what was taken back counts no more at the next use; a passport with a
forged part proves nothing at all.
Standard: GA4GH AAI OIDC Profile and Passport 1.2.1. Needs: a clock, `Revoked`, keys.
"""
