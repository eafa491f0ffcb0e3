"""Receiving files by S3 multipart uploads and tus: ordered immutable pieces in the inbox, then over to the archive.

model ← rules · ports ← store (tables) · pieces (cutting streams) ← clearing ← handover ← care ← service ← two doors:
s3_api (with s3_identity, s3_payload, s3_listing, s3_shape) and tus_api.
"""
