"""What a function's subprocess sees: the runtime's own packages, its variables, its folders."""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from localaws.core import REGION
from localaws.lambda_.content import ContentStore
from localaws.lambda_.sandbox import Launch

# What Amazon's Python runtimes carry, and what these need. Anything else a function brings in its code or a layer.
_RUNTIME_MODULES = (
    "awslambdaric",
    "runtime_client",
    "simplejson",
    "snapshot_restore_py",
    "boto3",
    "botocore",
    "s3transfer",
    "jmespath",
    "dateutil",
    "six",
    "urllib3",
)


class Launcher:
    """Prepares subprocesses. ``close()`` ends those that are left, by ending their lifeline."""

    def __init__(self, root: Path, endpoint: str, content: ContentStore) -> None:
        self._content = content
        self._endpoint = endpoint
        self._root = root
        self._scratch = root / "tmp"
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._runtime = _link_runtime(root / "runtime")
        self._lifeline, self._writer = os.pipe()

    def launch(self, configuration: Mapping[str, Any], log_stream: str) -> Launch:
        """How to start this version of a function; its output goes to ``log_stream``."""
        task_root = self._content.files(configuration["Digest"])
        layers = self._content.merged(configuration["LayerDigests"])
        return Launch(
            task_root=task_root,
            layers=layers,
            scratch=self._scratch / uuid.uuid4().hex,
            environment=self._environment(configuration, task_root, layers, log_stream),
            memory_mb=configuration["MemorySize"],
            storage_mb=configuration["EphemeralStorage"]["Size"],
            lifeline=self._lifeline,
        )

    def close(self) -> None:
        """End the lifeline: every subprocess that is left kills its group."""
        os.close(self._writer)
        os.close(self._lifeline)
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _environment(
        self, configuration: Mapping[str, Any], task_root: Path, layers: Path | None, log_stream: str
    ) -> dict[str, str]:
        libraries = [str(task_root), str(task_root / "lib"), *([str(layers / "lib")] if layers else [])]
        programs = [*([str(layers / "bin")] if layers else []), "/usr/local/bin", "/usr/bin", "/bin"]
        return {
            "AWS_ENDPOINT_URL": self._endpoint,
            # Else Arrow's allocator commits a gigabyte at once, which the memory limit would count as used.
            "MIMALLOC_ARENA_EAGER_COMMIT": "0",
            "LANG": "C.UTF-8",
            "TZ": ":UTC",
            "PATH": ":".join(programs),
            "LD_LIBRARY_PATH": ":".join(libraries),
            **configuration.get("Environment", {}).get("Variables", {}),
            "_HANDLER": configuration["Handler"],
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_SESSION_TOKEN": "local",
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{configuration['Runtime']}",
            "AWS_LAMBDA_FUNCTION_NAME": configuration["FunctionName"],
            "AWS_LAMBDA_FUNCTION_VERSION": configuration["Version"],
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration["MemorySize"]),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": configuration["LoggingConfig"]["LogGroup"],
            "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
            "LAMBDA_TASK_ROOT": str(task_root),
            "LAMBDA_RUNTIME_DIR": str(self._runtime),
        }


def _link_runtime(target: Path) -> Path:
    """Make the folder of links to the runtime's packages anew, and return it. Raises ImportError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(target, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix="runtime-", dir=target.parent))
    (folder / "__pycache__").mkdir()
    for name in _RUNTIME_MODULES:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise ImportError(
                f"the local Lambda needs the package {name!r}, which is not installed (awslambdaric exists for Linux "
                "only): install the project's requirements on Linux, or start the embedded AWS without Lambda"
            )
        origin = Path(spec.origin)
        source = origin.parent if origin.name == "__init__.py" else origin
        (folder / source.name).symlink_to(source)
        # Else a module that is a file would be compiled at each cold start.
        if source.is_file() and spec.cached and Path(spec.cached).exists():
            (folder / "__pycache__" / Path(spec.cached).name).symlink_to(spec.cached)
    folder.chmod(0o755)
    folder.rename(target)
    return target
