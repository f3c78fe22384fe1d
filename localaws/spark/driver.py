"""What a job's Python process runs first: import path, Spark's properties, then the script, then the clearing up.

It runs as a script under ``python -S``, so nothing of this project or of its environment is importable here or later
but what the description, a JSON file, names. Java is shared with later jobs, so what this one changed in it is undone;
only when that went well does the report say that it is clean.
"""

from __future__ import annotations

import _thread
import atexit
import importlib
import json
import os
import signal
import site
import sys
import threading
import time
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any


def _die_with_host(lifeline: int) -> None:
    # The host never writes: the read ends only when the host's process does, however it died.
    os.read(lifeline, 1)
    os.killpg(0, signal.SIGKILL)


class Java:
    """The Java process, and what has to be as it was when the job ends."""

    def __init__(self, port: int, secret: str, properties: dict[str, str]) -> None:
        os.environ |= {"PYSPARK_GATEWAY_PORT": str(port), "PYSPARK_GATEWAY_SECRET": secret}
        from pyspark import SparkContext
        from pyspark.java_gateway import launch_gateway

        self._gateway = SparkContext._gateway = launch_gateway()
        self._jvm: Any = self._gateway.jvm
        SparkContext._jvm = self._jvm
        for name in ("PYSPARK_GATEWAY_PORT", "PYSPARK_GATEWAY_SECRET"):
            del os.environ[name]
        self._system = self._jvm.java.lang.System
        self._properties = self._system.getProperties().clone()
        self._zone = self._jvm.java.util.TimeZone.getDefault()
        self._locale = self._jvm.java.util.Locale.getDefault()
        self._lasting = [key for key in self._bindings().keySet() if not key.startswith("o")]
        # As spark-submit does it: a SparkConf that a script makes begins with these.
        for name, value in properties.items():
            self._system.setProperty(name, value)

    def clear(self) -> None:
        """Stop Spark and undo what outlives a SparkContext; raises where something cannot be undone."""
        from pyspark import SparkContext

        jvm = self._jvm
        if SparkContext._active_spark_context is not None:
            SparkContext._active_spark_context.stop()
        # Not the one that Python knows: a script may have gone past PySpark.
        active = getattr(getattr(jvm.org.apache.spark, "SparkContext$"), "MODULE$").getActive()
        if active.isDefined():
            active.get().stop()
        jvm.org.apache.spark.sql.SparkSession.clearActiveSession()
        jvm.org.apache.spark.sql.SparkSession.clearDefaultSession()
        jvm.org.apache.hadoop.fs.FileSystem.closeAll()
        self._system.setProperties(self._properties)
        jvm.java.util.TimeZone.setDefault(self._zone)
        jvm.java.util.Locale.setDefault(self._locale)
        jvm.org.apache.logging.log4j.LogManager.getContext(False).reconfigure()
        kept = jvm.java.util.HashSet()
        for key in self._lasting:
            kept.add(key)
        # Java keeps the objects that a job held until its Python releases them one by one.
        self._bindings().keySet().retainAll(kept)
        jvm.java.lang.System.gc()

    def _bindings(self) -> Any:
        return self._gateway.java_gateway_server.getGateway().getBindings()


def _run(script: str) -> dict[str, Any]:
    """Run the script as ``__main__``; what came of it."""
    module = ModuleType("__main__")
    module.__file__ = script
    module.__dict__["__builtins__"] = __builtins__
    sys.modules["__main__"] = module
    try:
        code = compile(Path(script).read_bytes(), script, "exec")
        exec(code, module.__dict__)
    except SystemExit as exit_:
        if exit_.code in (None, 0):
            return {"ok": True}
        if isinstance(exit_.code, str):
            print(exit_.code, file=sys.stderr)
        return _failure(exit_, script)
    except BaseException as error:
        found = _failure(error, script)
        sys.stderr.write(found["traceback"])
        return found
    finally:
        for thread in threading.enumerate():
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join()
        atexit._run_exitfuncs()
    return {"ok": True}


def _failure(error: BaseException, script: str) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno or 0 for frame in frames if frame.filename == script]
    if isinstance(error, SyntaxError) and error.filename == script:
        lines = [error.lineno or 0]
    # Without this file's own frames.
    shown = error.__traceback__
    while shown is not None and shown.tb_frame.f_code.co_filename == __file__:
        shown = shown.tb_next
    text = "".join(traceback.format_exception(type(error), error, shown))
    return {
        "ok": False,
        "error": _described(error),
        "traceback": text,
        "line": lines[-1] if lines else 0,
    }


def _described(error: BaseException) -> str:
    """The exception in one line; of one that Java raised, what Java says."""
    name = type(error).__name__
    java = getattr(error, "java_exception", None)
    if java is not None:
        root = java
        while root.getCause() is not None:
            root = root.getCause()
        said, reason = _first_line(java.toString()), _first_line(root.toString())
        call = str(error).split("\n")[0].removesuffix(".")
        return f"{name}: {call}. {said}" + ("" if _first_line(root.getMessage()) in said else f"; caused by {reason}")
    text = str(error).strip()
    return f"{name}: {text}" if text else name


def _first_line(text: str | None) -> str:
    return (text or "").strip().split("\n")[0]


def main() -> None:
    """Arguments: the description's path."""
    given = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    site.setquit()
    site.sethelper()
    lifeline = given["lifeline"]
    os.set_inheritable(lifeline, False)
    _thread.start_new_thread(_die_with_host, (lifeline,))
    here = os.path.dirname(__file__)  # noqa: PTH120
    sys.path[:] = [*given["path"], *(path for path in sys.path if path != here)]
    if sys.version_info >= (3, 12):
        # PySpark 3.5 imports distutils, which setuptools has kept.
        import _distutils_hack

        _distutils_hack.add_shim()
    java = Java(given["port"], given["secret"], given["properties"]) if given["port"] else None
    sys.argv = [given["script"], *given["argv"]]
    if given["preload"]:
        importlib.import_module(given["preload"])
    started = time.monotonic()
    report = _run(given["script"])
    report["seconds"] = time.monotonic() - started
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        if java is not None:
            java.clear()
        report["clean"] = True
    except Exception as error:
        report["clean"] = False
        report["unclean"] = repr(error)
    target = Path(given["report"])
    target.with_suffix(".tmp").write_text(json.dumps(report), encoding="utf-8")
    target.with_suffix(".tmp").replace(target)
    os._exit(0)


if __name__ == "__main__":
    main()
