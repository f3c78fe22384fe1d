"""Memory stays flat: a large file under a hard limit, a zip bomb, and a line without end."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import datetime, gzip, io, resource, sys
from pathlib import Path
limit = 512 << 20
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
from millrace import contracts
from millrace.convert.engine import convert
from millrace.convert.sinks import FileSink

HEADER = b"user_id,login_at,city,latitude,longitude\\n"

class Repeated(io.RawIOBase):
    def __init__(self, head, part, times):
        self.parts = iter([head] + [part] * times)
        self.rest = b""
    def read(self, size=-1):
        while len(self.rest) < size and (part := next(self.parts, None)) is not None:
            self.rest += part
        data, self.rest = self.rest[:size], self.rest[size:]
        return data

def rows(first):
    return b"".join(b"user-%d,2024-01-15T10:%02d:%02dZ,city %d,%d.%04d,7.25\\n"
                    % (n * 7919 % 1_000_003, n // 60 % 60, n % 60, n % 997, n % 95, n % 10_000)
                    for n in range(first, first + 20_000))

def source(kind):
    if kind == "rows":
        return Repeated(HEADER, rows(0), 200)
    if kind == "bomb":
        member = gzip.compress(b"u,2024-01-15,,,\\n" * 1_000_000)
        return Repeated(gzip.compress(HEADER), member, 12)
    return Repeated(HEADER + b"u,2024-01-15,,,\\n", b"x" * (1 << 20), 400)

folder = Path(sys.argv[2])
outcome = convert(source(sys.argv[1]), contracts.get("retraced", "user_login_locations"), datetime.date(2024, 1, 15),
                  "f", lambda: FileSink(folder / "f.parquet"), lambda: FileSink(folder / "f.csv"))
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
# Not ru_maxrss, which begins with what the parent had.
print(outcome.rows_in, outcome.rows_out, outcome.rows_rejected, int(status["VmHWM"].split()[0]) >> 10)
"""


@pytest.mark.parametrize(
    ("kind", "counts"),
    [
        ("rows", [4_000_000, 200 * (20_000 - 1_050), 200 * 1_050]),
        ("bomb", [12_000_000, 12_000_000, 0]),
        ("endless", [2, 1, 1]),
    ],
)
def test_memory_stays_flat(kind, counts, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, kind, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    *found, peak_mb = map(int, done.stdout.split())
    assert found == counts
    assert peak_mb <= 250
