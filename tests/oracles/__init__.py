"""Slow, plain answers to compare fast ones with: no numpy, no index, nothing of `opengdi.discovery`."""
