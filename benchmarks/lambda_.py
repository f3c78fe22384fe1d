"""Lambda: a warm invocation that does nothing through boto3, and cold starts bare, with boto3 and with pyarrow.

The peers are a bare HTTP round trip to the same server and boto3's own cheapest call on it (sts:GetCallerIdentity).
"""

from __future__ import annotations

import http.client
import io
import json
import statistics
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from millrace import package
from millrace.local import STATE, LocalAws

ROUNDS = 1000
STARTS = 7
TARGET_MILLISECONDS = 10.0
TARGET_COLD_SECONDS = 1.0
SOURCES = {
    "bare": "def main(event, context): return event",
    "boto3": "import boto3\ns3 = boto3.client('s3')\ndef main(event, context): return event",
    "pyarrow": "import pyarrow, pyarrow.csv, pyarrow.compute, pyarrow.parquet\ndef main(event, context): return event",
}


def main() -> None:
    STATE.mkdir(exist_ok=True)
    started = time.perf_counter()
    layer = package.build_layer("data", "local", STATE / "packages")
    print(f"layer data: {layer.stat().st_size / 1e6:.0f} MB zip after {time.perf_counter() - started:.1f} s")
    with (
        tempfile.TemporaryDirectory(prefix="bench-", dir=STATE) as name,
        LocalAws(Path(name) / "aws", Path(name) / "aws.log") as aws,
    ):
        _deploy(aws, layer)
        _warm(aws)
        _cold(aws)


def _deploy(aws: LocalAws, layer: Path) -> None:
    s3, functions = aws.client("s3"), aws.client("lambda")
    s3.create_bucket(Bucket="bench")
    s3.upload_file(str(layer), "bench", layer.name)
    published = functions.publish_layer_version(LayerName="data", Content={"S3Bucket": "bench", "S3Key": layer.name})
    for name, source in SOURCES.items():
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("handler.py", source)
        functions.create_function(
            FunctionName=name,
            Runtime="python3.12",
            Role="arn:aws:iam::123456789012:role/bench",
            Handler="handler.main",
            Layers=[published["LayerVersionArn"]],
            MemorySize=512,
            Code={"ZipFile": code.getvalue()},
        )


def _warm(aws: LocalAws) -> None:
    functions, sts = aws.client("lambda"), aws.client("sts")
    connection = http.client.HTTPConnection(aws.endpoint.removeprefix("http://"))

    def bare() -> None:
        connection.request("GET", "/_localaws/health")
        connection.getresponse().read()

    def invoke() -> None:
        _invoke(functions, "bare")

    for call in (bare, sts.get_caller_identity, invoke):
        call()
    # In turns, so that noise of the machine meets all three alike.
    calls: dict[str, Callable[[], Any]] = {
        "bare HTTP": bare,
        "sts call": sts.get_caller_identity,
        "warm invoke": invoke,
    }
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            times[name].append((time.perf_counter() - started) * 1000)
    peer = statistics.median(times["bare HTTP"])
    for name, taken in times.items():
        p50, p99 = statistics.median(taken), statistics.quantiles(taken, n=100)[98]
        print(f"{name:12} p50 {p50:6.2f} ms  p99 {p99:6.2f} ms  {p50 / peer:5.1f} × bare HTTP")
    print(f"target: a warm invoke in {TARGET_MILLISECONDS:.0f} ms")


def _cold(aws: LocalAws) -> None:
    functions = aws.client("lambda")
    for name in SOURCES:
        taken = []
        for start in range(STARTS + 1):
            functions.update_function_configuration(FunctionName=name, Description=str(start))
            started = time.perf_counter()
            _invoke(functions, name)
            taken.append(time.perf_counter() - started)
        # The very first reads the libraries from the disk.
        print(f"cold start {name:8} first {taken[0]:.2f} s, median {statistics.median(taken[1:]):.2f} s")
    print(f"target: {TARGET_COLD_SECONDS:.0f} s with pyarrow")


def _invoke(functions: Any, name: str) -> None:
    answer = functions.invoke(FunctionName=name, Payload=b'{"a": 1}')
    payload = json.loads(answer["Payload"].read())
    assert payload == {"a": 1}, payload


if __name__ == "__main__":
    main()
