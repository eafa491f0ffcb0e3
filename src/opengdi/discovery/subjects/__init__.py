"""The people of releases: what is known of them, and who of them a question is about.

records, table_mapping, phenopackets (files to Beacon documents) · normal_form and schemas (brought into form and
checked) · sources (all of it as `tables`) · facts and truth (on disk, Parquet) · opened, catalogue, resolution, filters
(filters as sets of people) · carriers (who has an allele, PGEN) · cohorts, terms (what may be told of many) · store
(`BitmapSubjectStore`, the port) · virtual (invented people for test mode).
"""
