"""Runs a database server and ends it with its host, however the host dies: ``keeper.py LIFELINE COMMAND…``.

LIFELINE is the descriptor of a pipe whose writer only the host has. A script, so that nothing of the host is imported.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading

_SECONDS_TO_STOP = 60
_PR_SET_PDEATHSIG = 1


def _end_with_keeper() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _stop_when_host_ends(lifeline: int, server: "subprocess.Popen[bytes]") -> None:
    os.read(lifeline, 1)  # the host never writes
    server.terminate()
    try:
        server.wait(_SECONDS_TO_STOP)
    except subprocess.TimeoutExpired:
        server.kill()


def main() -> int:
    """Run the command; its exit status."""
    lifeline, command = int(sys.argv[1]), sys.argv[2:]
    os.set_inheritable(lifeline, False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C in a terminal is the host's to answer
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_end_with_keeper)
    threading.Thread(target=_stop_when_host_ends, args=(lifeline, server), daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt):
        return server.wait()
    return 1


if __name__ == "__main__":
    sys.exit(main())
