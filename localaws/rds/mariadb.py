"""One MariaDB server: its data folder, its process, its address."""

from __future__ import annotations

import contextlib
import functools
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

from localaws.core import AwsError

_KEEPER = Path(__file__).with_name("keeper.py")
_SECONDS_TO_START = 60
_PORTS_TO_TRY = 5  # a free one may be taken before the server has it
_FOLDERS = ("/usr/sbin", "/usr/libexec", "/usr/local/sbin", "/usr/local/libexec", "/usr/bin", "/opt/homebrew/bin")
_HOW = (
    "Install it (Debian, Ubuntu: apt-get install mariadb-server; its service need not run), or name another mariadbd "
    "by the variable LOCALAWS_MARIADBD, and start the embedded AWS again."
)
# As RDS sets its servers up: UTF-8, UTC, packets that hold a dump's rows.
_OPTIONS = (
    "--bind-address=127.0.0.1",
    "--socket=mysql.sock",  # relative to the data folder: a path to it may be too long for a socket
    "--pid-file=server.pid",
    "--skip-name-resolve",
    "--skip-log-bin",
    "--character-set-server=utf8mb4",
    "--collation-server=utf8mb4_general_ci",
    "--default-time-zone=+00:00",
    "--max-allowed-packet=64M",
    "--innodb-buffer-pool-size=128M",
    "--innodb-flush-log-at-trx-commit=2",
)


class DatabaseError(RuntimeError):
    """The server did not come up; the message ends with its log."""


class _PortTaken(DatabaseError):
    """Another program took the port before the server did."""


def server_program() -> str:
    """The path of ``mariadbd``. Raises AwsError that says how to get it."""
    if named := os.environ.get("LOCALAWS_MARIADBD"):
        if os.access(named, os.X_OK):
            return named
        raise AwsError("InsufficientDBInstanceCapacity", f"LOCALAWS_MARIADBD is {named!r}, which is no program. {_HOW}")
    if found := _program("mariadbd"):
        return found
    message = f"RDS runs a real MariaDB, and this machine has no mariadbd. {_HOW}"
    raise AwsError("InsufficientDBInstanceCapacity", message)


@functools.cache
def server_version(program: str) -> str:
    """The server's version, such as 10.11.19."""
    said = subprocess.run([program, "--no-defaults", "--version"], capture_output=True, text=True, check=True).stdout
    match = re.search(r"(\d+\.\d+\.\d+)-MariaDB", said)
    if not match:
        raise AwsError("InsufficientDBInstanceCapacity", f"{program} is no MariaDB: it says {said.strip()!r}. {_HOW}")
    return match[1]


def _program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join(_FOLDERS))


class MariaDb:
    """A server whose data lies in ``folder/data`` and whose log is ``folder/error.log``. One caller at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = folder / "error.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._lifeline = -1

    def install(self) -> None:
        """Make an empty data folder. Raises AwsError or DatabaseError."""
        program = server_program()
        installer = _program("mariadb-install-db")
        if installer is None:
            message = f"mariadb-install-db, which comes with mariadbd, is not on this machine. {_HOW}"
            raise AwsError("InsufficientDBInstanceCapacity", message)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True, mode=0o700)
        user = _user()
        made = subprocess.run(
            [installer, "--no-defaults", f"--user={user}", f"--datadir={self._folder / 'data'}", "--skip-test-db",
             "--auth-root-authentication-method=socket", f"--auth-root-socket-user={user}", "--skip-name-resolve"],
            capture_output=True, text=True, env={**os.environ, "PATH": _path_with(program)},
        )  # fmt: skip
        if made.returncode:
            raise DatabaseError(f"mariadb-install-db failed: {made.stdout[-1000:]}{made.stderr[-1000:]}")

    def start(self, port: int | None, statements: tuple[str, ...] = ()) -> int:
        """Start and wait until it answers; the port: the one given if it is free, else another.

        statements: SQL to run first, each without a line end. Raises AwsError or DatabaseError.
        """
        for _ in range(_PORTS_TO_TRY - 1):
            with contextlib.suppress(_PortTaken):
                return self._start(_free_port(port), statements)
        return self._start(_free_port(None), statements)

    def _start(self, port: int, statements: tuple[str, ...]) -> int:
        program = server_program()
        first = self._folder / "first.sql"
        options = [f"--datadir={self._folder / 'data'}", f"--log-error={self._log}", f"--port={port}"]
        if statements:
            first.touch(mode=0o600)
            first.write_text("".join(f"{statement};\n" for statement in statements), encoding="utf-8")
            options.append(f"--init-file={first}")
        logged = self._log.stat().st_size if self._log.exists() else 0
        reader, self._lifeline = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-S", "-B", str(_KEEPER), str(reader), program, "--no-defaults", f"--user={_user()}",
                 *_OPTIONS, *options],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                pass_fds=(reader,), start_new_session=True,
            )  # fmt: skip
        finally:
            os.close(reader)
        try:
            self._wait_ready(logged)
        except BaseException:
            self.stop()
            raise
        finally:
            first.unlink(missing_ok=True)  # it holds a password
        return port

    def stop(self) -> None:
        """Shut the server down cleanly; nothing if it does not run."""
        if self._process is not None:
            os.close(self._lifeline)
            self._process.wait()
            self._process = None

    def delete(self) -> None:
        """Stop the server and remove its data."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def _wait_ready(self, logged: int) -> None:
        """Until the log, from that offset on, says that it takes connections, its first statements being done.

        An answer at its port would say less: it may be another program's.
        """
        until = time.monotonic() + _SECONDS_TO_START
        while True:
            running = self.running  # before the log is read, which is complete then if it has ended
            said = self._log.read_bytes()[logged:].decode(errors="replace") if self._log.exists() else ""
            if "ready for connections" in said:
                return
            if not running or time.monotonic() > until:
                kind = _PortTaken if "Bind on TCP/IP port" in said else DatabaseError
                tail = "\n".join(said.splitlines()[-10:]) or "(none)"
                raise kind(f"MariaDB did not come up; its log {self._log} ends:\n{tail}")
            time.sleep(0.02)


def _free_port(wanted: int | None) -> int:
    for port in (wanted, 0) if wanted else (0,):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise DatabaseError("No port of 127.0.0.1 is free.")


def _user() -> str:
    """Who the server runs as: whoever runs this (mariadbd wants to be told if that is root)."""
    return pwd.getpwuid(os.getuid()).pw_name


def _path_with(program: str) -> str:
    return os.pathsep.join([str(Path(program).parent), os.environ.get("PATH", ""), *_FOLDERS])
