"""One Java process with Spark on its class path, which Python processes drive through Py4J, one after another.

It ends when the pipe to its standard input is closed, so it never outlives the server, however that ends.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from localaws.spark import defaults
from localaws.spark.fetch import Distribution
from localaws.spark.runs import SparkError

_START_SECONDS = 120.0
_KEPT_LINES = 50
# What Spark's launcher gives a Java 17 (org.apache.spark.launcher.JavaModuleOptions).
_OPENED = (
    "java.lang",
    "java.lang.invoke",
    "java.lang.reflect",
    "java.io",
    "java.net",
    "java.nio",
    "java.util",
    "java.util.concurrent",
    "java.util.concurrent.atomic",
    "jdk.internal.ref",
    "sun.nio.ch",
    "sun.nio.cs",
    "sun.security.action",
    "sun.util.calendar",
)
_OPTIONS = (
    *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED),
    "--add-opens=java.security.jgss/sun.security.krb5=ALL-UNNAMED",
    "-Djdk.reflect.useDirectMethodHandle=false",
    "-XX:+IgnoreUnrecognizedVMOptions",
    "-XX:+ExitOnOutOfMemoryError",
    # The optimising compiler begins later than usual: short jobs end before it pays, long ones do not notice.
    "-XX:Tier4InvocationThreshold=20000",
    "-XX:Tier4MinInvocationThreshold=2400",
    "-XX:Tier4CompileThreshold=60000",
    "-XX:Tier4BackEdgeThreshold=160000",
    "-Xshare:auto",
    f"-Dlog4j2.configurationFile={Path(__file__).with_name('log4j2.properties').as_uri()}",
    "-Duser.timezone=UTC",
    "-Dfile.encoding=UTF-8",
    "-Dio.netty.tryReflectionSetAccessible=true",
    "-Djava.net.preferIPv4Stack=true",
)
_MAIN = "org.apache.spark.api.python.PythonGatewayServer"


@dataclass(frozen=True)
class Kind:
    """What distinguishes one Java process from another: they are kept for runs that want the same."""

    memory: str
    options: tuple[str, ...] = ()
    jars: tuple[Path, ...] = ()


class Jvm:
    """A Java process; ``port`` and ``secret`` let a Python process drive it."""

    def __init__(self, distribution: Distribution, kind: Kind, scratch: Path) -> None:
        self.kind = kind
        self.runs = 0
        self.idle_since = time.monotonic()
        self._folder = Path(tempfile.mkdtemp(prefix="jvm-", dir=scratch))
        self._sink: Callable[[str], None] | None = None
        self._tail: list[str] = []
        class_path = os.pathsep.join(str(jar) for jar in (*distribution.jars, *kind.jars))
        # On two processors the serial collector costs 5 % and saves a third of the memory.
        collector = "-XX:+UseSerialGC" if defaults.cores() <= 2 else "-XX:+UseParallelGC"
        options = [
            *_OPTIONS,
            collector,
            *distribution.options,
            f"-Xmx{kind.memory}",
            f"-Djava.io.tmpdir={self._folder}",
            *kind.options,
        ]
        self._info = self._folder / "gateway"
        self._process = subprocess.Popen(
            [distribution.java, "-cp", class_path, *options, _MAIN],
            env=_environment(self._info),
            cwd=self._folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, name="spark-jvm", daemon=True)
        self._reader.start()
        try:
            self.port, self.secret = self._gateway()
        except BaseException:
            self.kill()
            raise

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def tell(self, sink: Callable[[str], None] | None) -> None:
        """Where the lines that it writes go, until told otherwise."""
        self._sink = sink
        self._tail.clear()

    def last_lines(self) -> str:
        """The end of what it wrote since the last ``tell``."""
        return "\n".join(self._tail)

    def end(self, seconds: float) -> None:
        """Let it end by itself, if it does in that time."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def kill(self) -> None:
        """End it at once, with the Python workers that it started; idempotent."""
        if self._process.returncode is None:
            # Before the wait: until then no other group can have its id.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._reader.join(5)
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with contextlib.suppress(OSError):
                pipe.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _gateway(self) -> tuple[int, str]:
        """Wait until it listens."""
        end = time.monotonic() + _START_SECONDS
        # Written to another name and renamed, so it is whole when it is there.
        while not self._info.exists():
            if not self.alive:
                self._reader.join(5)
                raise SparkError(f"Spark's Java process ended as it started:\n{self.last_lines()}")
            if time.monotonic() > end:
                raise SparkError(f"Spark's Java process did not start in {_START_SECONDS:.0f} s:\n{self.last_lines()}")
            time.sleep(0.005)
        data = self._info.read_bytes()
        port, length = struct.unpack_from(">ii", data)
        return port, data[8 : 8 + length].decode()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for raw in self._process.stdout:
            line = raw.decode(errors="replace").rstrip("\r\n")
            self._tail = [*self._tail[-_KEPT_LINES:], line]
            if self._sink is not None:
                self._sink(line)


def _environment(info: Path) -> Mapping[str, str]:
    """Little of the server's own: nothing of a job's world shall depend on who started the server."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "_PYSPARK_DRIVER_CONN_INFO_PATH": str(info), "SPARK_LOCAL_IP": "127.0.0.1", "TZ": "UTC"}
