"""Alleles and their frequencies: what is true, the index that serves it, and the answers to variant questions.

columns and truth (Parquet, one file per contig: the only thing that must be kept) · rows (one allele in one release
as bytes) · statistics (what is known in advance) · sst (index files, built aside) · index (the RocksDB of all
releases) · folder (where it lies, and how it is swapped) · genes (gene tables) · conditions and plan (a question as
what must be read) · readers, reading and counting (reading it) · store (`RocksVariantStore`, the port) · serving
(in step with the shelf).
"""
