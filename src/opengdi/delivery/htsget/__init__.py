"""htsget over an archive of Crypt4GH files: tickets for regions, and the data that they point to.

`api` (HTTP) over `tickets` and `data` over `answers` over `layouts`, `source`, `pins`, `grants` over pure decisions.
"""
