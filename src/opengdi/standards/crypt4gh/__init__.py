"""Crypt4GH as pure code: headers, segments, edit lists, slices, key files.

Bytes come in, bytes or values go out, or `Malformed` (with the offset) or `Unverified`; keys, nonces and random bytes
come in as arguments. Who reads the file knows its name. Key bytes never show in a repr or a message.

The usual ways through it:

- encrypt: `seal_header`, then `BodyEncryptor` (or `SegmentCipher.encrypt_into` over batches);
- decrypt a stream: `HeaderReader`, `open_header`, then `BodyDecryptor` (or `SegmentCipher.decrypt_into`);
- give a file to somebody else: `reencrypt_header`, the body stays as it is;
- a part of a file: `plan_slice` for segments and edit list, or `SeekableReader` for plaintext.

Not protected by the format: order, removal and doubling of whole segments, and truncation between them. Whoever keeps
files keeps their size and digests too.

Spec: GA4GH Crypt4GH v1 (hts-specs `crypt4gh.tex`).
"""

from __future__ import annotations

from typing import Final

from opengdi.standards.crypt4gh.edit_list import ENDLESS, EditList, compose
from opengdi.standards.crypt4gh.header import (
    LARGEST_HEADER_BYTES,
    LARGEST_PACKET_BYTES,
    MOST_PACKETS,
    Header,
    HeaderReader,
    NoKeyFits,
    OpenedHeader,
    Packet,
    header_length,
    open_header,
    packets_of,
    reencrypt_header,
    seal_header,
)
from opengdi.standards.crypt4gh.hidden import KEY_BYTES, DataKey
from opengdi.standards.crypt4gh.keys import (
    PrivateKey,
    PublicKey,
    parse_private_key,
    parse_public_key,
    private_key_text,
    public_key_text,
)
from opengdi.standards.crypt4gh.reader import SeekableReader, Source, read_header
from opengdi.standards.crypt4gh.segments import (
    BATCH_SEGMENTS,
    CIPHER_SEGMENT,
    NONCE_BYTES,
    OVERHEAD,
    SEGMENT,
    BodyDecryptor,
    BodyEncryptor,
    SegmentCipher,
    SegmentSpan,
    body_size,
    plain_size,
    span_for,
)
from opengdi.standards.crypt4gh.slicing import Slice, plan_slice

__all__ = [
    "BATCH_SEGMENTS",
    "CIPHER_SEGMENT",
    "ENDLESS",
    "KEY_BYTES",
    "LARGEST_HEADER_BYTES",
    "LARGEST_PACKET_BYTES",
    "MOST_PACKETS",
    "NONCE_BYTES",
    "OVERHEAD",
    "SEGMENT",
    "SPEC_VERSION",
    "BodyDecryptor",
    "BodyEncryptor",
    "DataKey",
    "EditList",
    "Header",
    "HeaderReader",
    "NoKeyFits",
    "OpenedHeader",
    "Packet",
    "PrivateKey",
    "PublicKey",
    "SeekableReader",
    "SegmentCipher",
    "SegmentSpan",
    "Slice",
    "Source",
    "body_size",
    "compose",
    "header_length",
    "open_header",
    "packets_of",
    "parse_private_key",
    "parse_public_key",
    "plain_size",
    "plan_slice",
    "private_key_text",
    "public_key_text",
    "read_header",
    "reencrypt_header",
    "seal_header",
    "span_for",
]

SPEC_VERSION: Final = "1.0"
