"""Applications: one request of one group of people, for data of many countries, at the hub.

Promises: an application is what its events add up to; nobody does what `rules.PERMITTED` does not name; a version that
was submitted never changes, and its digest is what cases and decisions name; what governs itself elsewhere never
becomes a case.
Sources: GDI access SOPs (P06), 1+MG data governance VII.3, REMS (states, commands, fields).
Needs: a ledger, texts, forms, standings of people, what datasets there are, a storage, a feed.

model · rules (who may do what) · decisions (commands → events) · evolution (events → state) · splitting (cases) ·
content (what was written, its digest) · hints · costs · service · attachments · reports (from cases) · api.
"""
