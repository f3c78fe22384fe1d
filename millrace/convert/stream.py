"""The bytes of a raw file as UTF-8 chunks: gunzipped, decoded, without a byte order mark, read ahead by a thread."""

from __future__ import annotations

import codecs
import queue
import threading
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

from millrace.convert.header import Refused

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Bytes that Western European text holds in cp1252: letters with accents, €, quotes, dashes, currency and degree signs.
_WESTERN = bytes([*range(0xC0, 0xD7), *range(0xD8, 0xF7), *range(0xF8, 0xFF)])
_WESTERN += b"\x80\x85\x91\x92\x93\x94\x96\x97\xa3\xa7\xb0"
_ASCII = bytes(range(128))


def raw_chunks(source: BinaryIO, size: int) -> Iterator[bytes]:
    """Chunks of exactly ``size`` bytes but for the last, gunzipped where the file is gzip; raises Refused."""
    head = source.read(2)
    pieces = _gunzipped(head, source, size) if head == b"\x1f\x8b" else _plain(head, source, size)
    held: list[bytes] = []
    length = 0
    refusal: Refused | None = None
    while True:
        try:
            piece = next(pieces, b"")
        except Refused as damage:  # what came before it is still counted
            piece, refusal = b"", damage
        if not piece:
            break
        held.append(piece)
        length += len(piece)
        if length < size:
            continue
        joined = held[0] if len(held) == 1 else b"".join(held)
        start = 0
        while length - start >= size:
            yield joined if length == size else joined[start : start + size]
            start += size
        held = [joined[start:]] if start < length else []
        length -= start
    if length:
        yield b"".join(held)
    if refusal is not None:
        raise refusal


def _plain(head: bytes, source: BinaryIO, size: int) -> Iterator[bytes]:
    piece = head + source.read(size - len(head))
    while piece:
        yield piece
        piece = source.read(size)


def _gunzipped(head: bytes, source: BinaryIO, size: int) -> Iterator[bytes]:
    """Members one after the other; never more than ``size`` bytes at once, whatever the ratio."""
    member = zlib.decompressobj(wbits=31)
    data, position = head, 0
    try:
        while True:
            if not data:
                data = source.read(1 << 18)
                position += len(data)
                if not data:
                    break
            if member.eof:
                data = data.lstrip(b"\0")  # padding after the last member
                if not data:
                    continue
                member = zlib.decompressobj(wbits=31)
            piece = member.decompress(data, size)
            data = member.unused_data if member.eof else member.unconsumed_tail
            if piece:
                yield piece
    except zlib.error as error:
        raise Refused(f"gzip data is damaged about byte {position:,}: {error}; upload the file again") from None
    if not member.eof:
        raise Refused(f"gzip data ends too early, after {position + len(head):,} bytes; upload the file again")


def encoding_of(head: bytes, declared: str | None, *, whole: bool) -> tuple[str, int]:
    """The encoding of a file that begins with ``head``, and the length of its byte order mark.

    A byte order mark decides; then what the contract declares; then bytes that are UTF-8. Else the file is taken for
    cp1252 if no line of the head holds UTF-8 beyond ASCII, at least one line in a hundred holds other bytes, and all of
    those are such as Western European text has. Otherwise it is UTF-8 with damaged lines, which are rejected.
    whole: the file is no longer than the head.
    """
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name, len(mark)
    if declared is not None:
        return codecs.lookup(declared).name, 0
    if head.isascii():
        return "utf-8", 0
    lines = [line for line in head.replace(b"\r", b"\n").split(b"\n") if line]
    if not whole and len(lines) > 1:
        lines.pop()  # it may be cut in the middle of a character
    beyond = [line for line in lines if not line.isascii()]
    if any(_is_utf8(line) for line in beyond) or len(beyond) * 100 < len(lines):
        return "utf-8", 0
    strange = b"".join(beyond).translate(None, _ASCII + _WESTERN)
    return ("utf-8", 0) if strange else ("cp1252", 0)


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _mark_undecodable(error: UnicodeError) -> tuple[str, int]:
    """Turn what cannot be decoded into a byte that is not UTF-8, so that its row is rejected and no other."""
    assert isinstance(error, UnicodeDecodeError)
    byte = error.object[error.start]
    return chr(0xDC00 + (byte if byte >= 0x80 else 0xFF)), error.end


codecs.register_error("millrace-mark", _mark_undecodable)


def as_utf8(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Re-encode chunks; characters that cannot be decoded become single bytes that are not UTF-8."""
    decoder = codecs.getincrementaldecoder(encoding)("millrace-mark")
    for chunk in chunks:
        if text := decoder.decode(chunk):
            yield text.encode("utf-8", "surrogateescape")
    if text := decoder.decode(b"", final=True):
        yield text.encode("utf-8", "surrogateescape")


_END = object()


def read_ahead(chunks: Iterator[bytes], depth: int = 2) -> Iterator[bytes]:
    """The same chunks, read by a thread up to ``depth`` ahead; its errors are raised here."""
    ready: queue.Queue[Any] = queue.Queue(depth)
    stopped = threading.Event()

    def put(item: object) -> bool:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def read() -> None:
        try:
            for chunk in chunks:
                if not put(chunk):
                    return
            put(_END)
        except BaseException as error:  # handed over, whatever it is
            put(error)

    thread = threading.Thread(target=read, name="read-ahead", daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not _END:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join()
