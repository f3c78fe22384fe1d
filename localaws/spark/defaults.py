"""The Spark properties that every run has unless it says otherwise, and how much of the machine Spark may take."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from localaws.core import REGION
from localaws.spark.runs import SparkError

_GIB = 1 << 30
_COMMITTER_FACTORY = "org.apache.hadoop.fs.s3a.commit.S3ACommitterFactory"
_S3A = "org.apache.hadoop.fs.s3a.S3AFileSystem"


def cores() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0))


def machine_memory() -> int:
    """Bytes of memory of the machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def driver_memory() -> str:
    """Java's heap: LOCALAWS_SPARK_MEMORY, such as ``6g``, or a fifth of the machine's memory, from 1 to 4 GiB."""
    if given := os.environ.get("LOCALAWS_SPARK_MEMORY"):
        memory_bytes(given)
        return given
    return f"{min(max(machine_memory() // 5, _GIB), 4 * _GIB) >> 20}m"


def memory_bytes(text: str) -> int:
    """The bytes that a size such as ``4g`` or ``512m`` means to Java. Raises SparkError."""
    match = re.fullmatch(r"(\d+)([kmgt])b?", text.strip().lower())
    if match is None:
        raise SparkError(f"{text!r} is no size of memory: write it as 4g or 512m.")
    return int(match[1]) << {"k": 10, "m": 20, "g": 30, "t": 40}[match[2]]


def places() -> int:
    """How many Java processes may run at once without taking more than two thirds of the memory."""
    return max(1, min(4 * cores(), machine_memory() * 2 // 3 // (memory_bytes(driver_memory()) + _GIB // 2)))


def properties(endpoint: str, folder: Path, name: str, processors: int) -> Mapping[str, str]:
    """Spark's properties for a run in ``folder``, with S3 at ``endpoint``."""
    at = urlsplit(endpoint)
    hadoop = {
        "fs.s3a.endpoint": endpoint,
        "fs.s3a.endpoint.region": REGION,
        "fs.s3a.path.style.access": "true",
        "fs.s3a.connection.ssl.enabled": str(at.scheme == "https").lower(),
        "fs.s3a.aws.credentials.provider": "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider",
        "fs.s3a.access.key": "local",
        "fs.s3a.secret.key": "local",
        "fs.s3a.attempts.maximum": "3",
        "fs.s3a.retry.limit": "3",
        "fs.s3a.buffer.dir": str(folder / "s3a"),
        "fs.s3a.bucket.probe": "0",
        "fs.s3.impl": _S3A,
        "fs.s3n.impl": _S3A,
        "fs.s3a.impl": _S3A,
        "fs.AbstractFileSystem.s3.impl": "org.apache.hadoop.fs.s3a.S3A",
        "fs.AbstractFileSystem.s3a.impl": "org.apache.hadoop.fs.s3a.S3A",
        # Tasks write to this machine's disk and upload parts; the job's commit makes them objects. Unlike the magic
        # committer it bears several jobs that write to one folder, if none ends the others' uploads.
        "fs.s3a.committer.name": "directory",
        "fs.s3a.committer.staging.conflict-mode": "append",
        "fs.s3a.committer.staging.unique-filenames": "false",
        "fs.s3a.committer.staging.tmp.path": str(folder / "staging"),
        "fs.s3a.committer.abort.pending.uploads": "false",
        "mapreduce.outputcommitter.factory.scheme.s3": _COMMITTER_FACTORY,
        "mapreduce.outputcommitter.factory.scheme.s3a": _COMMITTER_FACTORY,
        "hadoop.tmp.dir": str(folder),
    }
    spark = {
        "spark.master": f"local[{processors}]",
        "spark.app.name": name,
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.local.dir": str(folder),
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.sources.commitProtocolClass": "localaws.S3CommitProtocol",
        "spark.sql.shuffle.partitions": str(max(8, 4 * processors)),
        "spark.sql.warehouse.dir": (folder / "warehouse").as_uri(),
        "spark.submit.deployMode": "client",
        "spark.ui.enabled": "false",
        # A task's Python finds AWS by itself, as it does on a worker of AWS's.
        "spark.executorEnv.AWS_ENDPOINT_URL": endpoint,
        "spark.executorEnv.AWS_DEFAULT_REGION": REGION,
        "spark.executorEnv.AWS_ACCESS_KEY_ID": "local",
        "spark.executorEnv.AWS_SECRET_ACCESS_KEY": "local",
        "spark.ui.showConsoleProgress": "false",
    }
    return {**spark, **{f"spark.hadoop.{key}": value for key, value in hadoop.items()}}
