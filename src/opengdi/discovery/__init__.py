"""Discovery: what is in a country's collections, answered without telling more than may be told.

Promises: a dataset release goes in whole or not at all (`loading`), its truth is Parquet and PGEN, its serving
index is rebuildable (`variants`), people are counted by bitmaps (`subjects`), and two Beacons answer (`beacon`).
Standards: GA4GH Beacon v2.2.0, VCF 4.3 / 4.4, Phenopackets 2.0.
Needs: a state database, a data directory, a clock, an audit chain.
"""
