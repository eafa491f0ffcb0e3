"""htsget over an archive of Crypt4GH files: tickets for regions, and the data that they point to.

Layers: `api` (HTTP) over `tickets` and `data` over `layouts`, `grants`, `pins` over `source` over `composition`.
"""
