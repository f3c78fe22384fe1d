"""Other clients, many at once, and the death of the server in the middle of puts."""

import hashlib
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pyarrow import fs


def test_pyarrow_writes_reads_and_lists(aws, bucket):
    remote = fs.S3FileSystem(
        access_key="a",
        secret_key="b",
        region="us-east-1",
        endpoint_override=aws.endpoint.removeprefix("http://"),
        scheme="http",
    )
    table = pa.table({"n": list(range(1000)), "s": [str(n) for n in range(1000)]})
    pq.write_table(table, f"{bucket}/t/day=2024-01-15/a b.parquet", filesystem=remote, row_group_size=100)
    assert pq.read_table(f"{bucket}/t", filesystem=remote, columns=["n", "s"]).equals(table)
    infos = remote.get_file_info(fs.FileSelector(f"{bucket}/t", recursive=True))
    assert sorted((info.path, info.type) for info in infos) == [
        (f"{bucket}/t/day=2024-01-15", fs.FileType.Directory),
        (f"{bucket}/t/day=2024-01-15/a b.parquet", fs.FileType.File),
    ]
    body = bytes(range(256)) * 50_000  # more than one part
    with remote.open_output_stream(f"{bucket}/big") as stream:
        stream.write(body)
    with remote.open_input_file(f"{bucket}/big") as source:
        source.seek(12_000_000)
        assert source.read(10) == body[12_000_000:12_000_010]
    remote.copy_file(f"{bucket}/big", f"{bucket}/copy")
    with remote.open_input_stream(f"{bucket}/copy") as source:
        assert source.read() == body
    remote.delete_file(f"{bucket}/big")
    assert remote.get_file_info(f"{bucket}/big").type == fs.FileType.NotFound


def test_many_threads_read_one_whole_version_each_time(s3, bucket):
    bodies = {hashlib.md5(body).hexdigest(): body for body in (bytes([n]) * (n + 1) * 10_000 for n in range(8))}
    s3.put_object(Bucket=bucket, Key="k", Body=bodies[min(bodies)])
    torn = []

    def work(seed):
        for turn, body in enumerate(bodies.values()):
            if (seed + turn) % 3:
                got = s3.get_object(Bucket=bucket, Key="k")
                if hashlib.md5(got["Body"].read()).hexdigest() != got["ETag"].strip('"'):
                    torn.append(got["ETag"])
            else:
                s3.put_object(Bucket=bucket, Key="k", Body=body)
            s3.put_object(Bucket=bucket, Key=f"{seed}/{turn}", Body=b"x")

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(work, range(12)))
    assert torn == []
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 1 + 12 * len(bodies)


def test_of_conditional_puts_at_once_one_wins(s3, bucket):
    def attempt(number):
        try:
            s3.put_object(Bucket=bucket, Key="k", Body=str(number).encode(), IfNoneMatch="*")
        except ClientError:
            return None
        return number

    with ThreadPoolExecutor(8) as pool:
        winners = [number for number in pool.map(attempt, range(16)) if number is not None]
    assert len(winners) == 1
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == str(winners[0]).encode()


@pytest.fixture
def run(tmp_path):
    """Starts ``python -m localaws`` on one data folder; returns the process and a client."""
    processes = []

    def start():
        command = [sys.executable, "-m", "localaws", "--port", "0", "--data", str(tmp_path / "data")]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        endpoint = process.stdout.readline().split()[3].rstrip(",")
        config = Config(retries={"total_max_attempts": 1}, max_pool_connections=8)
        keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-east-1"}
        return process, boto3.client("s3", endpoint_url=endpoint, config=config, **keys)

    yield start
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_kill_in_the_middle_of_puts_leaves_whole_objects(run, tmp_path):
    process, s3 = run()
    s3.create_bucket(Bucket="bucket")
    acknowledged = {}
    started = threading.Barrier(5)

    def put(seed):
        started.wait()
        for turn in range(10_000):
            key = f"{seed}/{turn % 7}"
            body = f"{seed}-{turn};".encode() * 40_000
            try:
                acknowledged[key] = (turn, s3.put_object(Bucket="bucket", Key=key, Body=body)["ETag"])
            except (BotoCoreError, ClientError):
                return

    threads = [threading.Thread(target=put, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    started.wait()
    while len(acknowledged) < 20:
        threads[0].join(0.01)
    process.kill()
    for thread in threads:
        thread.join()
    process.wait()

    _, s3 = run()
    found = {each["Key"]: each for each in s3.list_objects_v2(Bucket="bucket")["Contents"]}
    assert acknowledged.keys() <= found.keys()
    for key, (turn, etag) in acknowledged.items():
        body = s3.get_object(Bucket="bucket", Key=key)["Body"].read()
        assert f'"{hashlib.md5(body).hexdigest()}"' == found[key]["ETag"]
        # What was acknowledged last is there, unless a later put was stored and its answer lost.
        if found[key]["ETag"] != etag:
            assert int(body.partition(b";")[0].partition(b"-")[2]) > turn
    files = [path for path in (tmp_path / "data" / "s3" / "objects").rglob("*") if path.is_file()]
    assert len(files) == len(found)
    assert list((tmp_path / "data" / "s3" / "tmp").iterdir()) == []
