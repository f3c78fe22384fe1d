"""The compressions of an object: gzip, zip, Snappy in its framing format, Snappy as Hadoop writes it."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile

import pyarrow as pa

from localaws.s3.crc import CRC32C

EXTENSIONS = {"UNCOMPRESSED": "", "GZIP": ".gz", "ZIP": ".zip", "Snappy": ".snappy", "HADOOP_SNAPPY": ".hsnappy"}
FRAME = 65_536
HADOOP_BLOCK = 256 * 1024


def compress(data: bytes, form: str, name: str) -> bytes:
    """The bytes compressed; name is that of the one file in a zip."""
    if form == "GZIP":
        return gzip.compress(data, 6, mtime=0)
    if form == "ZIP":
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, data)
        return target.getvalue()
    if form == "Snappy":
        return b"\xff\x06\x00\x00sNaPpY" + b"".join(_frame(data[at : at + FRAME]) for at in range(0, len(data), FRAME))
    if form == "HADOOP_SNAPPY":
        return b"".join(_block(data[at : at + HADOOP_BLOCK]) for at in range(0, len(data), HADOOP_BLOCK))
    return data


def _frame(piece: bytes) -> bytes:
    digest = CRC32C.digest()
    digest.update(piece)
    crc = int.from_bytes(digest.digest(), "big")
    masked = (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF
    packed = _snappy(piece)
    kind, body = (0, packed) if len(packed) < len(piece) else (1, piece)
    return bytes([kind]) + (len(body) + 4).to_bytes(3, "little") + masked.to_bytes(4, "little") + body


def _block(piece: bytes) -> bytes:
    packed = _snappy(piece)
    return struct.pack(">II", len(piece), len(packed)) + packed


def _snappy(piece: bytes) -> bytes:
    return bytes(pa.Codec("snappy").compress(piece, asbytes=True))
