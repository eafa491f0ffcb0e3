"""Loading: one release from its files into the truth, whole or not at all.

release_file (what to load) · fingerprint (of what content) · people and samples_table (who is counted where) · plan
(pieces of work) · reading and records (bytes to records) · genotype_task, sites_task, frequency_table (records to
alleles with counts; `…_columns`: many regular ones at once) · parts (what a task leaves) · settle (facts about whole
files) · merge (one sorted truth per contig) · journal (what is done, so that a rerun goes on) · findings and report
(what was wrong where) · service (the whole of it).
"""
