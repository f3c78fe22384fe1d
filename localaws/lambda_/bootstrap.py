"""What a function's subprocess runs first: limits and import path of a Lambda, then AWS's runtime client.

It runs as a script under ``python -S``, so nothing of this project or of its environment is importable here or later.
"""

import _thread
import os
import resource
import signal
import site
import sys


def _die_with_host(lifeline: int) -> None:
    # The host never writes: the read ends only when the host's process does, however it died.
    os.read(lifeline, 1)
    os.killpg(0, signal.SIGKILL)


def _set_limits(memory_mb: int, storage_mb: int) -> None:
    # RLIMIT_DATA counts private writable memory; RLIMIT_AS would count reserved address space and break Arrow.
    for limit, size in (
        (resource.RLIMIT_DATA, memory_mb * 2**20),
        (resource.RLIMIT_FSIZE, storage_mb * 2**20),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(limit)
        allowed = size if hard == resource.RLIM_INFINITY else min(size, hard)
        resource.setrlimit(limit, (allowed, allowed))


def _set_path(task_root: str, layers: str, runtime: str) -> None:
    version = os.environ["AWS_EXECUTION_ENV"].removeprefix("AWS_Lambda_")
    here = os.path.dirname(__file__)  # noqa: PTH120 (pathlib would be one more import at each start)
    standard = [path for path in sys.path if path != here]
    wanted = [task_root, f"{layers}/python/lib/{version}/site-packages", f"{layers}/python"]
    sys.path[:] = [*wanted, runtime, *standard] if layers else [task_root, runtime, *standard]


def main() -> None:
    """Become the function. Arguments: layers' root ('' for none), memory and storage in MB, lifeline's descriptor."""
    layers, memory_mb, storage_mb, lifeline = sys.argv[1:]
    site.setquit()
    site.sethelper()
    os.set_inheritable(int(lifeline), False)
    _thread.start_new_thread(_die_with_host, (int(lifeline),))
    _set_path(os.environ["LAMBDA_TASK_ROOT"], layers, os.environ["LAMBDA_RUNTIME_DIR"])
    _set_limits(int(memory_mb), int(storage_mb))
    from awslambdaric.__main__ import main as run

    handler = os.environ["_HANDLER"]
    sys.argv = ["bootstrap.py", handler]
    run(sys.argv)


if __name__ == "__main__":
    main()
