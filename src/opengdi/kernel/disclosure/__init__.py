"""Disclosure control: what may be told about people, decided by pure functions in one place.

policy (the knobs, strictest wins) · floors (which cells may be seen) · counts (rounding and what is said about it) ·
power (membership-attack power and budgets) · gate (one function each answer passes) · ledger (who has asked what).
"""
