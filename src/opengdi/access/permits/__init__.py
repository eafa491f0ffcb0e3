"""Permits: what was granted to whom, for what, until when, as one signed object; and what follows from it.

Promises: nothing is granted that the body named for a dataset did not grant, by its own signature, which every reader
of a permit can check; a permit that ended never comes back; its end is an event, announced before and told everywhere.
Source: Regulation (EU) 2025/327 (EHDS), Art 57-73; GDI SOPs P08 (agreement), P12 (extended analysis); E-37, E-50, E-51.

model (facts) · rules (who may do what when; what time brings) · evolution (what events add up to) · grants (decisions
→ datasets) · document (the signed object) · pdf (for people) · service and api (the hub) · automatic (without people,
where the holder wants it) · precheck (before applying) · entitlements (the node: who may use what now).
"""
