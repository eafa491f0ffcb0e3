"""Data Repository Service: what a file is, and how its bytes are reached. Datasets are bundles of their files."""
