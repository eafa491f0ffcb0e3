"""The demo: three countries' cohorts made by a seed, three nodes and a hub on loopback, and a walk in plain words.

cohorts (synthetic people and genomes, labelled so) · federation (folders, keys, processes) · walk (the steps).
"""
