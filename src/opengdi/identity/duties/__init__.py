"""Who has which role here: given by name, with an end, by somebody who answers for it.

A role never comes from a token: an identity provider says who somebody is, and this table what they may do. What was
given is never deleted; it ends.
"""

from __future__ import annotations
