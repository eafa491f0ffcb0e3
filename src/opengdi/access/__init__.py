"""Access: one request, a decision by each body that answers for data, a permit, and an end that is an end.

Promises: what happened is a line of events that nobody edits, and state is what they add up to; nothing happens that
the tables of permitted acts do not name; no grant without a decision of the body that the release names; silence
refuses unless a body has chosen otherwise; what ends, ends everywhere.
Sources: GDI access SOPs, 1+MG data governance, Regulation (EU) 2025/327 (EHDS), DUO.
Needs: a state database, a clock, an audit chain, a feed between hub and nodes.

model (facts that all parts share) · ledger (events, folds, listings) · applications (the request, at the hub) · cases
(the decision of one body) · permits (what was granted, and what follows from it) · organisations (who may ask at all) ·
rems (the older interface of the field).
"""
