"""Samples of objects: no more is read, or held, than is asked for."""

import bz2
import gzip
import tracemalloc

import pytest

from localaws.glue.samples import compression_of, decode, read_sample

BODY = b"0123456789" * 10
MEGABYTE = 1 << 20


@pytest.fixture
def at(tmp_path):
    def write(body):
        path = tmp_path / "object"
        path.write_bytes(body)
        return path

    return write


@pytest.mark.parametrize(("limit", "size", "whole"), [(99, 99, False), (100, 100, True), (101, 100, True)])
@pytest.mark.parametrize(
    ("compression", "compress"), [("none", bytes), ("gzip", gzip.compress), ("bzip2", bz2.compress)]
)
def test_the_edge(at, compression, compress, limit, size, whole):
    path = at(compress(BODY))
    assert compression_of(path.read_bytes()[:16]) == compression
    assert read_sample(path, compression, limit) == (BODY[:size], whole)


@pytest.mark.parametrize(("compression", "compress"), [("gzip", gzip.compress), ("bzip2", bz2.compress)])
def test_several_streams_are_one(at, compression, compress):
    assert read_sample(at(compress(BODY) * 3), compression, 1000) == (BODY * 3, True)


@pytest.mark.parametrize(("compression", "compress"), [("gzip", gzip.compress), ("bzip2", bz2.compress)])
def test_what_is_cut_off_is_no_more_than_a_sample(at, compression, compress):
    whole = compress(BODY * 10_000)
    data, is_whole = read_sample(at(compress(BODY) + whole[: len(whole) // 2]), compression, 10 * MEGABYTE)
    assert len(data) >= len(BODY)
    assert (data, is_whole) == ((BODY * 20_000)[: len(data)], False)
    assert read_sample(at(whole[:14]), compression, 100) == (b"", True)


@pytest.mark.parametrize(
    ("compression", "compress"), [("none", bytes), ("gzip", gzip.compress), ("bzip2", bz2.compress)]
)
def test_memory_is_bounded_by_the_sample(at, compression, compress):
    path = at(compress(bytes(64 * MEGABYTE)))
    tracemalloc.start()
    data, whole = read_sample(path, compression, MEGABYTE)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (len(data), whole) == (MEGABYTE, False)
    assert peak < 8 * MEGABYTE


@pytest.mark.parametrize(
    ("data", "whole", "text"),
    [
        ("é".encode(), True, "é"),
        (b"\xef\xbb\xbfa", True, "a"),
        ("aé".encode()[:-1], False, "a"),
        ("aé".encode()[:-1], True, None),
        (b"\xff" + b"a" * 10, False, None),
    ],
)
def test_text(data, whole, text):
    assert decode(data, whole) == text
