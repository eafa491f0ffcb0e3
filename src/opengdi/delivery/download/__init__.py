"""Whole encrypted files, their bodies and headers by range, and lists of them.

Paths, headers and words of errors are those of the field's archive ("SDA Data Out API" 2.0.0): its clients work.
"""
