"""The http kit: what every listener does around the answers, without knowing any of them.

faults (every error kind as status and words) · edge (request id, limits, headers, metrics around each request) ·
routing (paths in a table) · management (health, metrics, version) · server (two listeners, one process).
"""
