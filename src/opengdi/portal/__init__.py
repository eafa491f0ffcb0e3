"""Portal: the pages a person opens at the hub. A client of the public APIs only; it holds no data and no secrets.

pages (routes) · static (one page, its style and its script; nothing is loaded from elsewhere).
"""
