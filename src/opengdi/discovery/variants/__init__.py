"""Alleles and their frequencies: what is true, the index that serves it, and the answers to variant questions.

truth (Parquet, one file per contig: the only thing that must be kept) · rows (one allele in one release as bytes) ·
sst (sorted index files, built aside) · index (the RocksDB that serves all releases from one key space) ·
genes (gene tables) · alleles (trimming, wildcards) · plan (a question as ranges to read and conditions to meet) ·
store (`RocksVariantStore`, the `VariantStore` port).
"""
