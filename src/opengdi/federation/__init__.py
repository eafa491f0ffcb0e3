"""Federation: one question asked of many Beacons, one honest answer.

Promises: every answer says what became of each member (ok, timeout, error, denied, suppressed, skipped); the whole
is there within one deadline; no member can widen, break or delay it; a dataset counts once, under the strictest
floor any member sets for it; nobody's token is handed on.
Standards: GA4GH Beacon v2.0 to v2.2, GA4GH service-registry 1.0.0, JWS with ES256.
Needs: a signed registry of members, a key, a clock, an HTTP client, a budget ledger.

model (members, questions, outcomes) · registry (who the members are) · translation (a question in a member's
dialect) · reading (is this an answer?) · circuit (who is worth asking) · floors (strictest across members) ·
merging and pooling (one answer out of many) · fanout (ask all, wait once) · client (HTTP) · directory (what members
say about themselves) · api (routes) · stream (partial answers).
"""
