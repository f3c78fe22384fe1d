"""``python -m localaws [--port N] [--data DIR]``: run the embedded AWS until interrupted."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from pathlib import Path
from types import FrameType


def main(arguments: list[str] | None = None) -> int:
    """Run the server; the exit status is 0 after an interrupt, 2 when it cannot start."""
    parser = argparse.ArgumentParser(prog="python -m localaws", description="The embedded AWS.")
    parser.add_argument("--port", type=int, default=4566, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--data", type=Path, default=Path(".localaws"), help="where all is kept (default: %(default)s)")
    parser.add_argument(
        "--host", default="127.0.0.1", help="what to listen on; other than %(default)s only inside a container"
    )
    parser.add_argument("--public-url", metavar="URL", help="where browsers find it, if not at 127.0.0.1 and the port")
    parser.add_argument("--verbose", action="store_true", help="log more, to standard error")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO if options.verbose else logging.WARNING, format="%(name)s: %(message)s")

    from localaws.server import Server, StartError

    stop = threading.Event()

    def interrupted(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupted)
    try:
        server = Server(options.data, options.port, options.host, options.public_url)
    except StartError as error:
        print(f"localaws: {error}", file=sys.stderr)
        return 2
    with server:
        print(f"localaws ready on {server.endpoint}, data in {server.data}", flush=True)
        stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
