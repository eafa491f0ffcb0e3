"""What `gdi submit` does: choose files, encrypt them as they leave, go on where it was interrupted, watch them arrive.

plan (which files) · notes (what is remembered of each, mode 0600) · encoding (the bytes that are sent) · node (the
node's doors) · sending (one file) · submitting (all of them).
"""
