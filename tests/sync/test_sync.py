"""``millrace sync``: what is sent, what is not, and what happens when it is interrupted or files change meanwhile."""

import hashlib
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from millrace import cli, sync
from millrace.resources import ROOT
from millrace.sync import PART_BYTES, SyncError, find

SLUG = "retail_events"
EVENTS = f"{SLUG}/raw_events/events.csv"


@pytest.fixture
def s3(client):
    return client("s3")


@pytest.fixture
def bucket(s3):
    name = f"sync-{uuid.uuid4().hex[:10]}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def calls(s3):
    """The names of the operations that the client calls."""
    seen = []
    s3.meta.events.register("before-call.s3", lambda model, **_: seen.append(model.name))
    return seen


def write(folder, name, content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def bring(s3, bucket, folder, advance=lambda size: None):
    return sync.sync(s3, bucket, find(SLUG, folder).files, advance)


def content(s3, bucket, key=EVENTS):
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def big(number, parts=3):
    """Bytes of more than two parts, each part another."""
    pattern = [hashlib.sha256(f"{number} {part}".encode()).digest() * (PART_BYTES // 32) for part in range(parts)]
    return b"".join(pattern)[: -PART_BYTES // 2]


def uploads(s3, bucket):
    return s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])


def test_where_files_belong(tmp_path):
    for name in (
        "events.csv",
        "Events-2015 mit Ümläut.CSV.gz",
        "events/2015/mai/a b.csv",
        "item_properties_part1.csv",
        "item_properties/part2.csv",
        "category_tree.csv",
        "eventsource.csv",
        "notes.txt",
        "events.csv.part",
        "events/.hidden.csv",
        "other/events.csv",
    ):
        write(tmp_path, name, "x\n")
    found = find(SLUG, tmp_path)
    assert {str(file.path.relative_to(tmp_path)): file.key.removeprefix(f"{SLUG}/") for file in found.files} == {
        "events.csv": "raw_events/events.csv",
        "Events-2015 mit Ümläut.CSV.gz": "raw_events/Events-2015 mit Ümläut.CSV.gz",
        "events/2015/mai/a b.csv": "raw_events/2015/mai/a b.csv",
        "item_properties_part1.csv": "raw_item_properties/item_properties_part1.csv",
        "item_properties/part2.csv": "raw_item_properties/part2.csv",
        "category_tree.csv": "raw_category_tree/category_tree.csv",
    }
    assert sorted(str(path.relative_to(tmp_path)) for path in found.other) == [
        "events.csv.part", "events/.hidden.csv", "eventsource.csv", "notes.txt", "other/events.csv"
    ]  # fmt: skip


def test_only_new_and_changed_files_are_sent(s3, bucket, tmp_path):
    one = write(tmp_path, "events/one.csv", "one")
    write(tmp_path, "events/zwei – ä b%20+.csv", "two")
    first = bring(s3, bucket, tmp_path)
    assert (len(first.sent), first.unchanged, first.size) == (2, (), 6)
    assert content(s3, bucket, f"{SLUG}/raw_events/zwei – ä b%20+.csv") == b"two"

    again = bring(s3, bucket, tmp_path)
    assert (again.sent, len(again.unchanged), again.size) == ((), 2, 0)

    one.write_text("neu")  # of the same size
    write(tmp_path, "events/three.csv", "3")
    third = bring(s3, bucket, tmp_path)
    assert set(third.sent) == {f"{SLUG}/raw_events/one.csv", f"{SLUG}/raw_events/three.csv"}
    assert content(s3, bucket, f"{SLUG}/raw_events/one.csv") == b"neu"


def test_a_change_that_keeps_size_and_is_older_is_seen(s3, bucket, tmp_path):
    path = write(tmp_path, "events.csv", "one")
    bring(s3, bucket, tmp_path)
    path.write_text("two")
    os.utime(path, (1_000_000_000, 1_000_000_000))  # restored from a backup: older than the object
    assert bring(s3, bucket, tmp_path).sent == (EVENTS,)
    assert content(s3, bucket) == b"two"


@pytest.mark.parametrize("size", ["small", "big"])
def test_a_file_that_was_only_touched_is_not_sent(s3, bucket, tmp_path, calls, size):
    path = write(tmp_path, "events.csv", "one" if size == "small" else big(1))
    bring(s3, bucket, tmp_path)
    os.utime(path)
    del calls[:]
    assert bring(s3, bucket, tmp_path).sent == ()
    assert set(calls) == {"ListObjectsV2", "HeadObject"}


def test_objects_of_files_that_are_gone_stay(s3, bucket, tmp_path):
    path = write(tmp_path, "events.csv", "one")
    write(tmp_path, "category_tree.csv", "two")
    bring(s3, bucket, tmp_path)
    path.unlink()
    bring(s3, bucket, tmp_path)
    assert content(s3, bucket) == b"one"


def test_a_big_file_goes_in_parts_and_the_bytes_add_up(s3, bucket, tmp_path):
    path = write(tmp_path, "events.csv", big(1))
    told = []
    outcome = bring(s3, bucket, tmp_path, told.append)
    assert outcome.size == sum(told) == path.stat().st_size
    assert content(s3, bucket) == path.read_bytes()
    assert s3.head_object(Bucket=bucket, Key=EVENTS)["ETag"].strip('"').endswith("-3")
    assert uploads(s3, bucket) == []


def interrupted(s3, bucket, path, parts):
    """What a sync leaves that died after these parts (number → bytes)."""
    metadata = {"mtime-ns": str(path.stat().st_mtime_ns)}
    upload = s3.create_multipart_upload(Bucket=bucket, Key=EVENTS, Metadata=metadata)["UploadId"]
    for number, body in parts.items():
        s3.upload_part(Bucket=bucket, Key=EVENTS, UploadId=upload, PartNumber=number, Body=body)
    return upload


def test_an_interrupted_upload_is_continued(s3, bucket, tmp_path, calls):
    body = big(1)
    path = write(tmp_path, "events.csv", body)
    interrupted(s3, bucket, path, {1: body[:PART_BYTES], 3: body[2 * PART_BYTES :]})
    del calls[:]
    bring(s3, bucket, tmp_path)
    assert calls.count("UploadPart") == 1  # the second
    assert content(s3, bucket) == body
    assert uploads(s3, bucket) == []


def test_parts_that_are_not_what_the_file_says_are_sent_again(s3, bucket, tmp_path):
    body = big(1)
    path = write(tmp_path, "events.csv", body)
    interrupted(s3, bucket, path, {1: b"x" * PART_BYTES, 2: body[PART_BYTES : 2 * PART_BYTES - 1] + b"!"})
    bring(s3, bucket, tmp_path)
    assert content(s3, bucket) == body


def test_an_upload_of_an_older_state_is_given_up(s3, bucket, tmp_path):
    body = big(1)
    path = write(tmp_path, "events.csv", body)
    interrupted(s3, bucket, path, {1: body[:PART_BYTES]})
    future = time.time() + 60
    os.utime(path, (future, future))
    bring(s3, bucket, tmp_path)
    assert content(s3, bucket) == body and uploads(s3, bucket) == []
    metadata = s3.head_object(Bucket=bucket, Key=EVENTS)["Metadata"]
    assert metadata == {"mtime-ns": str(path.stat().st_mtime_ns)}


@pytest.mark.parametrize("size", ["small", "big"])
def test_a_file_that_grows_while_it_is_read_is_read_again(s3, bucket, tmp_path, monkeypatch, size):
    first = "one" if size == "small" else big(1)
    path = write(tmp_path, "events.csv", first)
    real, changes = sync._Sender._unchanged, []

    def change_once(self, stamp):
        if not changes:
            changes.append(1)
            with path.open("ab") as file:
                file.write(b"more")
        real(self, stamp)

    monkeypatch.setattr(sync._Sender, "_unchanged", change_once)
    told = []
    outcome = bring(s3, bucket, tmp_path, told.append)
    assert content(s3, bucket) == path.read_bytes()
    assert content(s3, bucket).endswith(b"more")
    assert outcome.size == sum(told) == path.stat().st_size


def test_a_file_that_keeps_changing_is_left_for_later_and_the_others_are_sent(s3, bucket, tmp_path, monkeypatch):
    path = write(tmp_path, "events.csv", "one")
    write(tmp_path, "category_tree.csv", "two")
    real = Path.read_bytes

    def growing(self):
        if self == path:
            with path.open("ab") as file:
                file.write(b"+")
        return real(self)

    monkeypatch.setattr(Path, "read_bytes", growing)
    with pytest.raises(SyncError, match=r"1 files were not synced; .*events\.csv: it is being written to"):
        bring(s3, bucket, tmp_path)
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert keys == [f"{SLUG}/raw_category_tree/category_tree.csv"]


def test_what_cannot_be_read_is_named(s3, bucket, tmp_path):
    with pytest.raises(ValueError, match="nowhere is no folder"):
        find(SLUG, tmp_path / "nowhere")
    write(tmp_path, "events.csv", "one")
    with pytest.raises(SyncError, match="s3://no-such-bucket cannot be read"):
        bring(s3, "no-such-bucket", tmp_path)
    (tmp_path / "events.csv").rename(tmp_path / os.fsdecode(b"events\xff.csv"))
    with pytest.raises(ValueError, match="is not UTF-8"):
        find(SLUG, tmp_path)


def test_parts_are_never_more_than_s3_takes():
    assert sync.part_size(1) == PART_BYTES
    terabyte = 1 << 40
    assert -(-terabyte // sync.part_size(terabyte)) <= 10_000


def environment(aws):
    return {
        **os.environ,
        "AWS_ENDPOINT_URL": aws.endpoint,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def test_a_killed_sync_is_continued_by_the_next(s3, aws, tmp_path):
    """The command itself, killed when the first part is there."""
    prefix = f"killed{uuid.uuid4().hex[:8]}"
    bucket = f"{prefix}-raw"
    s3.create_bucket(Bucket=bucket)
    path = write(tmp_path, "events.csv", b"".join(big(number, 4) for number in range(3)))
    command = [sys.executable, "-m", "millrace", "sync", SLUG, str(tmp_path), "--bucket-prefix", prefix]
    process = subprocess.Popen(command, env=environment(aws), cwd=ROOT, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    parts = []
    while not parts and process.poll() is None and time.monotonic() < deadline:
        begun = uploads(s3, bucket)
        if begun:
            parts = s3.list_parts(Bucket=bucket, Key=EVENTS, UploadId=begun[0]["UploadId"]).get("Parts", [])
    process.kill()
    process.wait()
    assert parts, "the sync was through before it could be killed"
    if uploads(s3, bucket):
        assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    done = subprocess.run(command, env=environment(aws), cwd=ROOT, capture_output=True, text=True, check=True)
    assert "1 files sent" in done.stdout
    assert content(s3, bucket) == path.read_bytes()
    assert uploads(s3, bucket) == []


def test_the_command_says_what_it_did(s3, aws, tmp_path, monkeypatch, capsys):
    prefix = f"said{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=f"{prefix}-raw")
    for name, value in environment(aws).items():
        monkeypatch.setenv(name, value)
    write(tmp_path, "events.csv", "one")
    write(tmp_path, "notes.txt", "two")
    assert cli.main(["sync", SLUG, str(tmp_path), "--bucket-prefix", prefix]) == 0
    said = capsys.readouterr().out
    assert f"left alone, of no table: {tmp_path}/notes.txt" in said.replace("\n", "")
    assert f"1 files sent (0.0 MB), 0 were there already, in s3://{prefix}-raw/retail_events/" in said
    assert cli.main(["sync", SLUG, str(tmp_path / "nowhere")]) == 1
    assert "nowhere is no folder" in capsys.readouterr().err
