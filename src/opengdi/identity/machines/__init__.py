"""Keys of programs: what pipelines, portals and brokers show instead of a person's login.

A key is `gdi_<id>_<secret>`. The secret is derived from the id and a secret of the service, and never stored: so it
also signs S3 requests (id = access key, secret = secret key). A key is for duties, methods and paths; it never opens
a dataset: that takes a visa, and a visa is a person's.
"""

from __future__ import annotations
