"""Cases: the decision of one body on the datasets of one application, from the check to the signature and the appeal.

Promises: nothing happens that `rules.PERMITTED` does not name; no grant without the quorum of the body's own members,
each of whom declared that nothing of their own is at stake; a veto stands until whoever may lift it does; silence
refuses unless the body chose otherwise; every decision is signed with the body's key, and a tacit one says so.
Sources: GDI-SOP0002 and GDI-SOP0003 (states, criteria, timers), 1+MG data governance VII, Regulation (EU) 2025/327.
Needs: a ledger, a clock, the keys of the bodies, and whoever tells duties and organisations of people.

model (facts) · workflow (steps and timers as data; `shipped.toml`) · rules (who may do what, what follows) · voting ·
timers (what time brings) · story (what events add up to) · offers, acts (JSON in) · service · view, api (JSON out).
"""
