"""The generated documents: the data dictionary, and the cost of transactions."""

import dataclasses
import re
from pathlib import Path

import pytest

from millrace import contracts, cost_page, costs, dictionary, installation, resources
from millrace.cli import main
from millrace.costs import Day


def test_every_column_of_every_table_is_in_the_dictionary():
    page = dictionary.page()
    assert dictionary.PAGE.read_text(encoding="utf-8") == page, "run: make docs"
    sections = dict(re.findall(r"^### (\S+)\n(.*?)(?=^### |^## |\Z)", page, re.MULTILINE | re.DOTALL))
    for slug in resources.slugs():
        for table in contracts.of_pipeline(slug).values():
            section = sections[f"{slug}.{table.table}"]
            names = [column.name for column in table.columns] + [name for name, _ in table.partitions]
            assert re.findall(r"^\| `(\w+)` ", section, re.MULTILINE) == names


def test_a_columns_rules_are_told_in_words():
    table = contracts.get("signups", "signups")
    column = dataclasses.replace(
        table.column("status"), min=1, max=9, max_length=5, pattern="a|b", unit="m", missing_ok=True, hash="exact"
    )
    column = dataclasses.replace(column, allowed=("a", "b"), source="state", latest_is_upload=True)
    assert list(dictionary.rules(table, column)) == [
        "required", "may be absent", "in m", "one of a, b", "at least 1", "at most 9",
        "not later than the day after the upload", "at most 5 characters", "like `a|b`", "from `state`",
        "keyed hash (exact)",
    ]  # fmt: skip
    assert "like `a\\|b`" in dictionary._row(table, column)


def test_the_tables_of_the_cost_page_are_current():
    text = cost_page.PAGE.read_text(encoding="utf-8")
    assert cost_page.page(text) == text, "run: make docs"


def test_a_bill_is_amounts_times_prices():
    day = Day(2, history_days=0, grain="day")
    lines = {line.part: line for line in costs.load(day)}
    assert lines["Glue job"].usd == pytest.approx(2 * 60 / 3600 * 0.44)  # a minute at least
    # The job's seconds for 20 GB on four vCPU of which 60 % work, on a worker beside the driver.
    seconds = (costs.figure("job_start_cpu_s") + 20 * costs.figure("job_cpu_s_per_gb")) / 4 / 0.6
    job = next(line for line in costs.load(dataclasses.replace(day, gb=20)) if line.part == "Glue job")
    assert job.usd == pytest.approx(2 * seconds / 3600 * 0.44)
    assert lines["Athena: checks"].usd == pytest.approx(2 * 0.0876 / 1000 * 5)
    assert lines["Glue crawler"].usd == pytest.approx(2 / 6 * 0.44)
    live = {line.part: line for line in costs.live(100, day)}
    records = 100 * 86_400
    assert live["Kinesis"].usd == pytest.approx(24 * 0.015 + records * 0.014e-6)
    firehose = records * 5e-6 * (0.029 + 0.018) + records * 168e-9 * 0.02 + 6 * 1440 * 5e-6
    assert live["Firehose"].usd == pytest.approx(firehose)


def test_more_of_anything_never_costs_less():
    def total(**changed):
        return sum(line.usd for line in costs.load(Day(**{"gb": 50, "history_days": 100, "grain": "day", **changed})))

    assert total() < total(gb=100) and total() < total(history_days=200) and total() < total(grain="month")
    assert [sum(line.usd for line in costs.live(rate, Day(1))) for rate in (1, 10, 5000)] == sorted(
        sum(line.usd for line in costs.live(rate, Day(1))) for rate in (1, 10, 5000)
    )


def test_where_another_engine_pays():
    size = costs.emr_pays_from(100)
    at, below = ({engine.name: engine.usd for engine in costs.engines(Day(gb))} for gb in (size * 1.01, size * 0.5))
    saving = [(usd["Glue"] - usd["EMR Serverless"]) * costs.MONTH_DAYS for usd in (at, below)]
    assert saving[0] >= 100 > saving[1]


def test_what_stands_is_what_is_declared():
    parts = {(switch, line.part): line for switch, line in costs.standing()}
    always = sum(line.usd for (switch, _), line in parts.items() if switch == "always")
    assert f"`dev` costs {always:.2f} USD a month" in (resources.ROOT / "docs" / "deploy.md").read_text()
    assert installation.read("dev").parts == frozenset()
    assert parts["stream", "Kinesis"].usd == pytest.approx(costs.MONTH_DAYS * 24 * 0.015)
    assert parts["airflow or source", "Interface endpoints"].amount >= 10 * 2 * costs.MONTH_DAYS * 24


def test_the_command_adds_up_and_tells_what_must_be_changed(capsys):
    assert main(["cost", "transactions", "--gb-per-day", "20000", "--hours", "8"]) == 0
    shown = capsys.readouterr().out
    lines = re.findall(r" ([\d,]+\.\d\d)$", shown, re.MULTILINE)
    *parts, total, _ = (float(number.replace(",", "")) for number in lines)
    assert total == pytest.approx(sum(parts), abs=0.1)
    assert "workgroup stops a statement at 1,100 GB" in shown and "workers for 8 hours" in shown
    assert main(["cost", "sales", "--gb-per-day", "2"]) == 1
    assert main(["cost", "transactions", "--gb-per-day", "0"]) == 1
    assert "only transactions has a model" in capsys.readouterr().err


def test_every_price_says_what_it_is_for_and_how_it_is_known():
    for name, entry in costs.data()["prices"].items():
        assert entry["usd"] > 0 and entry["of"] and entry["page"].endswith("pricing"), name
        assert entry["seen"].startswith(("quoted", "memory")), name
    text = Path(costs.__file__).read_text(encoding="utf-8")
    named = set(re.findall(r'(?:price|figure)\("(\w+)"\)', text)) | set(re.findall(r'"(\w+_(?:month|hour))"', text))
    assert set(costs.data()["prices"]) | set(costs.data()["measured"]) | set(costs.data()["assumed"]) <= named
