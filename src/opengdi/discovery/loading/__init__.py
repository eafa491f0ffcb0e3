"""Loading: one release from its files into the truth, whole or not at all.

release_file (what to load) · plan (pieces of work) · reading (bytes to records) · calls, sites, frequency_table
(records to alleles with counts) · parts (what a task leaves) · merge (one sorted truth per contig) ·
journal (what is done, so that a rerun goes on) · service (the whole of it).
"""
