"""The sample of signups: the same bytes each time, and the converter refuses just the rows that were made bad."""

import datetime as dt
import gzip

import pytest

from millrace import contracts
from millrace.convert.engine import convert
from millrace.samples.signups import generate


class Memory:
    """A sink that keeps nothing."""

    def write(self, data):
        return len(data)

    def commit(self):
        pass

    def abort(self):
        pass


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    return folder, generate(folder, rows=3000, days=20, bad_share=0.05)


def test_the_same_arguments_give_the_same_bytes(made, tmp_path):
    generate(tmp_path, rows=3000, days=20, bad_share=0.05)
    first = {path.name: path.read_bytes() for path in made[0].rglob("*.csv*")}
    assert {path.name: path.read_bytes() for path in tmp_path.rglob("*.csv*")} == first
    assert len(first) == 20


def test_the_converter_refuses_just_the_bad_rows(made):
    folder, summary = made
    contract = contracts.get("signups", "signups")
    outcomes = []
    for path in folder.rglob("*.csv*"):
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            date = dt.date.fromisoformat(path.name[:10])
            outcomes.append(convert(file, contract, date, path.name, Memory, Memory))
    assert {outcome.status for outcome in outcomes} == {"loaded"}
    assert sum(outcome.rows_out for outcome in outcomes) == summary.rows == 3000
    assert sum(outcome.rows_rejected for outcome in outcomes) == summary.bad.total() > 100
    assert len(summary.bad) == 14 and len({outcome.encoding for outcome in outcomes}) > 1


def test_a_sample_of_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least 1"):
        generate(tmp_path, rows=0)
