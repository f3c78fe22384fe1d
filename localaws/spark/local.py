"""A Spark session in this process: for tests of functions on DataFrames, and for looking around."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from localaws.spark import defaults
from localaws.spark.jvm import Jvm, Kind
from localaws.spark.prepare import ready


@contextmanager
def local_session(endpoint: str = "http://127.0.0.1:9", conf: Mapping[str, str] | None = None) -> Iterator[Any]:
    """A SparkSession, with S3 at the endpoint of a server if given; Spark is fetched first if need be.

    pyspark becomes importable and stays so. Raises SparkError where Spark cannot be had.
    """
    distribution = ready()
    if str(distribution.python) not in sys.path:
        sys.path.append(str(distribution.python))
    folder = Path(tempfile.mkdtemp(prefix="localaws-spark-"))
    jvm = Jvm(distribution, Kind(defaults.driver_memory()), folder)
    gateway = {"PYSPARK_GATEWAY_PORT": str(jvm.port), "PYSPARK_GATEWAY_SECRET": jvm.secret}
    os.environ |= {**gateway, "PYSPARK_PYTHON": sys.executable}
    try:
        from pyspark.sql import SparkSession

        properties = {
            **defaults.properties(endpoint, folder, "local", defaults.cores()),
            "spark.executorEnv.PYTHONPATH": os.pathsep.join([*filter(None, sys.path), str(Path.cwd())]),
            **(conf or {}),
        }
        builder = SparkSession.builder
        for name, value in properties.items():
            builder = builder.config(name, value)
        session = builder.getOrCreate()
        try:
            yield session
        finally:
            session.stop()
            _forget()
    finally:
        for name in gateway:
            os.environ.pop(name, None)
        jvm.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _forget() -> None:
    """Let another session of this process begin with a Java process of its own."""
    from pyspark import SparkContext

    if SparkContext._gateway is not None:
        SparkContext._gateway.close()
    SparkContext._gateway = SparkContext._jvm = None
