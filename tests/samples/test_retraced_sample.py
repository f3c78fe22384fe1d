"""The sample uploads: the same bytes each time, every kind of file, and just the bad rows that the summary counts."""

import csv
import datetime as dt
import gzip
import hashlib
from collections import Counter

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from millrace import contracts
from millrace.convert.engine import convert
from millrace.convert.sinks import FileSink
from millrace.samples.retraced import COMPANIES, LOGINS, generate

SETTINGS = {"logins": 30_000, "seed": 7, "months": 6, "companies": 60, "users": 1_500}

# What the converter says of each kind of fault: the column that it names.
COLUMN_OF = {
    "missing_user": "user_id",
    "missing_company": "company_id",
    "missing_time": "login_at",
    "impossible_login_date": "login_at",
    "unreadable_login_time": "login_at",
    "future_login": "login_at",
    "impossible_acceptance_date": "accepted_at",
    "unreadable_acceptance_time": "accepted_at",
    "latitude_out_of_range": "latitude",
    "longitude_out_of_range": "longitude",
    "bad_number": "latitude",
}


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The folder of a sample, and its summary."""
    out = tmp_path_factory.mktemp("sample")
    return out, generate(out, **SETTINGS)


def digest(folder) -> dict[str, str]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(sample, tmp_path):
    out, summary = sample
    assert generate(tmp_path / "again", **SETTINGS) == summary
    assert digest(tmp_path / "again") == digest(out)
    generate(tmp_path / "other", **SETTINGS | {"seed": 8})
    assert digest(tmp_path / "other") != digest(out)


def test_a_file_for_each_day_of_logins_and_for_each_week_of_memberships(sample):
    out, summary = sample
    days = [(dt.date(2025, 7, 1) + dt.timedelta(days=n)).isoformat() for n in range(184)]
    assert sorted(path.name[:10] for path in (out / LOGINS).iterdir()) == days
    weeks = sorted(path.name[:10] for path in (out / COMPANIES).iterdir())
    assert set(weeks) <= {*days[6::7], days[-1]}
    assert len(weeks) == 27
    assert summary.files == len(days) + len(weeks)
    assert summary.size == sum(path.stat().st_size for path in out.rglob("*.csv*"))
    assert summary.rows[LOGINS] == 30_000


def test_every_style_of_file_is_there(sample):
    out, _ = sample
    heads = [path.read_bytes()[:200] for path in (out / LOGINS).iterdir() if path.suffix == ".csv"]
    for what in (b"\r\n", b";", b"\t", b"\xef\xbb\xbf", b"\xff\xfe", b"User ID,", b"loginAt,", b"USER_ID", b"device"):
        assert any(what in head for head in heads), what
    assert any(path.name.endswith(".csv.gz") for path in (out / LOGINS).iterdir())
    text = [path.read_bytes() for path in (out / LOGINS).glob("*.csv")]
    assert any("Zürich".encode("latin-1") in content and "Zürich".encode() not in content for content in text)
    assert any("東京".encode() in content for content in text)
    assert any(b'"New York\nManhattan"' in content for content in text)


def test_about_15_percent_of_logins_name_no_company_and_some_users_are_unknown(sample):
    out, summary = sample
    rows = 0
    empty = unknown = 0
    for path in (out / LOGINS).iterdir():
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        if content.startswith(b"user_id,company_id"):
            for row in csv.DictReader(content.decode("utf-8", "replace").replace("\x00", "").splitlines(keepends=True)):
                rows += 1
                empty += row["company_id"] == ""
                unknown += row["user_id"] >= "u001500"
    assert rows > 3_000
    assert 0.13 < empty / rows < 0.17
    assert 0.001 < unknown / rows < 0.02
    assert 0.005 < summary.late_rows / summary.rows[LOGINS] < 0.02


def test_the_converter_refuses_just_the_bad_rows(sample, tmp_path):
    out, summary = sample
    for table in (LOGINS, COMPANIES):
        contract = contracts.get("retraced", table)
        good, rejected, reasons, earliest = 0, 0, Counter(), None
        for path in sorted((out / table).iterdir()):
            day = dt.date.fromisoformat(path.name[:10])
            target, rejects = tmp_path / f"{path.name}.parquet", tmp_path / f"{path.name}.rejects.csv"
            with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as source:
                outcome = convert(
                    source, contract, day, path.name, lambda at=target: FileSink(at), lambda at=rejects: FileSink(at)
                )
            assert outcome.status == "loaded", (path.name, outcome.reason)
            good += outcome.rows_out
            rejected += outcome.rows_rejected
            if rejects.exists():
                with rejects.open(encoding="utf-8", newline="") as file:
                    reasons.update(row["column"] for row in csv.DictReader(file))
                rejects.unlink()
            column = pq.read_table(target, columns=[contract.columns[2].name]).column(0)
            first = pc.min(column).as_py()
            earliest = min(filter(None, (earliest, first)), default=None)
        bad = summary.bad_rows[table]
        assert (good, rejected) == (summary.rows[table], sum(bad.values()))
        for column in set(COLUMN_OF.values()):
            assert reasons[column] == sum(count for kind, count in bad.items() if COLUMN_OF.get(kind) == column)
        assert earliest.date() >= dt.date(2025, 7, 1)


def test_bad_rows_are_about_as_many_as_asked_for(sample, tmp_path):
    _, summary = sample
    assert 0.004 < sum(summary.bad_rows[LOGINS].values()) / summary.rows[LOGINS] < 0.006
    assert len(summary.bad_rows[LOGINS]) == 13
    clean = generate(tmp_path, **SETTINGS | {"bad_share": 0})
    assert sum(map(len, clean.bad_rows.values())) == 0


def test_the_summary_in_words(sample):
    _, summary = sample
    assert str(summary) == (
        f"{summary.files} files, {summary.size / 1e6:.1f} MB: "
        f"{summary.rows[COMPANIES]:,} rows of user_companies and {sum(summary.bad_rows[COMPANIES].values())} bad ones, "
        f"30,000 rows of user_login_locations and {sum(summary.bad_rows[LOGINS].values())} bad ones; "
        f"{summary.late_rows} logins arrive late"
    )


def test_one_user_of_one_company_in_one_month(tmp_path):
    summary = generate(tmp_path, logins=3, months=1, companies=1, users=1)
    assert summary.rows[LOGINS] == 3


def test_sizes_below_one_are_refused(tmp_path):
    with pytest.raises(ValueError, match="months, companies and users must be at least 1, not 24, 0, 20000"):
        generate(tmp_path, companies=0)
