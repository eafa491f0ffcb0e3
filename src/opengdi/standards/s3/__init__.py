"""The S3 protocol from the side of a server, as pure code: what is asked, by whom, what comes in, what is answered.

signature (AWS Signature Version 4) · chunks (`aws-chunked` bodies) · checksums (`x-amz-checksum-*`) · operations (which
verb a request is) · documents (XML in and out) · errors (codes and their statuses).
"""
