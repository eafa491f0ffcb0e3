"""Disclosure control: what may be told about people, decided in one place. Decision 0006 gives the reasons.

Pure: policy (the knobs, strictest wins) · floors, bulk_floors, genotypes (which cells may be seen) · counts
(rounding and what is said about it) · differencing (sets too alike to be counted both) · power (of a membership test,
and budgets) · spending (what is left of a budget) · anomaly (who asks as if they held a genome) · preview (what all
this comes to). With memory: ledger, sql_ledger (who was told what) · guard (of which people) · rate, watch (how often
and how).
"""
