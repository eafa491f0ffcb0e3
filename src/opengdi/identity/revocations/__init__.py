"""Revocations: what was taken back before its end, known at the hub and at every node within seconds.

Promises: asking whether a visa was taken back is a look into memory; what the hub wrote is refused by a node as soon as
its feed brought it; after a restart everything still in force is known before the first answer.
"""
