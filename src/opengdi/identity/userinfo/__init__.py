"""Access tokens at a node: whose they are, and what visas their broker tells of the person.

Promises: a token of a broker that settings name is taken only if it is for this service; the broker's UserInfo is asked
at most once an hour for a token; what was taken back is refused at the next use.
Standard: RFC 9068, OpenID Connect Core 1.0 section 5.3, GA4GH AAI 1.2.1. Needs: keys of brokers, `BareVisas`.
"""
