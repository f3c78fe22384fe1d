import errno
import io
import os

import pytest

from localaws.s3 import copying
from localaws.s3.objects import NoSuchBucket, NoSuchKey
from localaws.s3.store import Store


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "s3")
    made.create_bucket("bucket")
    yield made
    made.close()


def files_of(root):
    return [path for path in (root / "objects").rglob("*") if path.is_file()]


def test_an_object_is_a_plain_file_with_its_bytes(store):
    info = store.put("bucket", "a/b.csv", b"hello", content_type="text/csv", metadata={"k": "v"})
    assert (info.size, info.etag, info.content_type) == (5, "5d41402abc4b2a76b9719d911017c592", "text/csv")
    assert info.path.read_bytes() == b"hello"
    assert store.head("bucket", "a/b.csv") == info
    assert store.open("bucket", "a/b.csv").read() == b"hello"


def test_a_body_may_be_a_stream_or_a_file_that_is_moved_in(store):
    store.put("bucket", "stream", io.BytesIO(b"abc"))
    path = store.temporary()
    path.write_bytes(b"moved")
    store.put("bucket", "file", path)
    assert store.open("bucket", "stream").read() == b"abc"
    assert store.open("bucket", "file").read() == b"moved"
    assert not path.exists()


def test_a_file_of_another_folder_is_moved_in_too(store, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"x")
    store.put("bucket", "k", elsewhere)
    assert store.open("bucket", "k").read() == b"x"
    assert not elsewhere.exists()


@pytest.mark.parametrize(
    "key",
    ["../../escape", "/lead", "a//b", ".", "..", "a/../b", "sp ace", "pl+us", "ünï/💧", "x" * 1024, "a\\b", "\x01\n"],
)
def test_any_key_stays_within_its_bucket(store, key):
    info = store.put("bucket", key, b"1")
    assert info.path.parent.parent == store.root / "objects" / "bucket"
    assert [each.key for each in store.list("bucket")] == [key]


def test_a_key_and_its_folder_both_exist(store):
    for key in ("a", "a/", "a/b"):
        store.put("bucket", key, key.encode())
    assert [store.open("bucket", key).read() for key in ("a", "a/", "a/b")] == [b"a", b"a/", b"a/b"]


def test_keys_are_listed_in_the_order_of_their_utf8_bytes(store):
    keys = ["a", "a/b", "a-b", "B", "é", "\uffff", "\U00010000", "a\x00b", "z"]
    for key in keys:
        store.put("bucket", key, b"")
    assert [info.key for info in store.list("bucket")] == sorted(keys, key=str.encode)
    assert [info.key for info in store.list("bucket", "a", start_after="a-b")] == ["a/b"]


def test_a_level_has_objects_and_common_prefixes(store):
    for key in ("p/1", "p/a/1", "p/a/2", "p/b/1", "p/c", "q/1", "p"):
        store.put("bucket", key, b"")
    objects, prefixes = store.list_level("bucket", "p/")
    assert ([info.key for info in objects], prefixes) == (["p/1", "p/c"], ["p/a/", "p/b/"])
    objects, prefixes = store.list_level("bucket", "")
    assert ([info.key for info in objects], prefixes) == (["p"], ["p/", "q/"])


def test_overwriting_leaves_one_file_and_open_readers_their_bytes(store):
    store.put("bucket", "k", b"old")
    with store.open("bucket", "k") as reader:
        store.put("bucket", "k", b"new")
        assert reader.read() == b"old"
    assert [path.read_bytes() for path in files_of(store.root)] == [b"new"]


@pytest.mark.parametrize("able", [True, False])
def test_bytes_are_appended_whatever_the_file_system_can(tmp_path, monkeypatch, able):
    if not able:

        def unable(*arguments):
            raise OSError(errno.EXDEV, "no")

        monkeypatch.setattr(os, "copy_file_range", unable)
        monkeypatch.setattr(os, "link", unable)
    body = bytes(range(256)) * 10_000
    (tmp_path / "source").write_bytes(body)
    copying.second_name(tmp_path / "source", tmp_path / "other")
    assert (tmp_path / "other").read_bytes() == body
    with (tmp_path / "source").open("rb", buffering=0) as source, (tmp_path / "t").open("wb", buffering=0) as target:
        target.write(b"x")
        source.seek(5)
        copying.append(source, target, 2_000_000)
        with pytest.raises(EOFError):
            copying.append(source, target, len(body))
    assert (tmp_path / "t").read_bytes() == b"x" + body[5:]


def test_an_object_replaced_while_it_is_opened_is_the_new_one(store, monkeypatch):
    stale = store.put("bucket", "k", b"old")
    store.put("bucket", "k", b"new")
    real, answers = store.head, [stale]
    monkeypatch.setattr(store, "head", lambda bucket, key, version: answers.pop() if answers else real(bucket, key))
    info, file = store.open_object("bucket", "k")
    assert (info.etag, file.read()) == ("22af645d1859cb5ca6da0c484f1f37ea", b"new")
    file.close()
    answers.append(stale)
    info, path = store.link_object("bucket", "k")
    assert (info.etag, path.read_bytes()) == ("22af645d1859cb5ca6da0c484f1f37ea", b"new")


def test_deleting_removes_the_file_and_may_be_repeated(store):
    store.put("bucket", "k", b"1")
    store.delete("bucket", "k")
    store.delete("bucket", "k")
    assert files_of(store.root) == []
    with pytest.raises(NoSuchKey):
        store.head("bucket", "k")


def test_missing_buckets_are_named(store):
    for attempt in (
        lambda: store.put("nope", "k", b""),
        lambda: store.head("nope", "k"),
        lambda: store.list("nope"),
        lambda: store.delete("nope", "k"),
    ):
        with pytest.raises(NoSuchBucket):
            attempt()


def test_subscribers_hear_of_puts_and_deletes_and_cannot_break_them(store):
    heard = []
    store.subscribe(lambda event, info: 1 / 0)
    store.subscribe(lambda event, info: heard.append((event, info.key, info.size)))
    store.put("bucket", "k", b"123")
    store.delete("bucket", "k")
    store.delete("bucket", "never")
    assert heard == [("ObjectCreated:Put", "k", 3), ("ObjectRemoved:Delete", "k", 3)]


def test_objects_outlive_a_restart_and_what_a_crash_left_is_swept(tmp_path):
    first = Store(tmp_path)
    first.create_bucket("bucket")
    first.put("bucket", "k", b"kept", metadata={"a": "ü"})
    orphan = tmp_path / "objects" / "bucket" / "00" / "orphan"
    orphan.parent.mkdir(exist_ok=True)
    orphan.write_bytes(b"torn")
    first.temporary().write_bytes(b"half")
    first.index.close()  # not closed cleanly: as after a kill
    second = Store(tmp_path)
    assert second.open("bucket", "k").read() == b"kept"
    assert second.head("bucket", "k").metadata == {"a": "ü"}
    assert not orphan.exists()
    assert list((tmp_path / "tmp").iterdir()) == []
    second.close()
