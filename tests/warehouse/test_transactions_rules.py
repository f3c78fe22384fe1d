"""The rules of Glue Data Quality for purchases: which rows break which, and what is then held back."""

import time

import pytest

from millrace import quality, resources
from millrace.local import BUCKET_PREFIX
from millrace.provision import quality as provision
from millrace.provision.account import Account
from tests.warehouse.conftest import SLUG, purchase


@pytest.fixture(scope="module")
def evaluate(lake):
    declared = resources.pipeline(SLUG)
    provision.make(Account(lake.aws.client, BUCKET_PREFIX, lake.folder / "built"), declared)

    def run(*rows):
        """The rules that are broken by these rows alone: those that stop, and those that warn."""
        lake.publish("transactions_clean", "2025-01", "EUROPE", list(rows))
        source = {"GlueTable": {"DatabaseName": SLUG, "TableName": "transactions_clean"}}
        run = lake.glue.start_data_quality_ruleset_evaluation_run(
            DataSource=source, Role="r", RulesetNames=[ruleset.name for ruleset in declared.rulesets]
        )["RunId"]
        while (status := lake.glue.get_data_quality_ruleset_evaluation_run(RunId=run)["Status"]) != "SUCCEEDED":
            assert status in ("STARTING", "RUNNING"), status
            time.sleep(0.02)
        checks = quality.checks(lake.glue, run)
        assert len(checks) == sum(len(ruleset.rules) for ruleset in declared.rulesets)
        assert all(check["detail"] for check in checks)
        broken = [check for check in checks if check["ok"] != "true"]
        return [{c["check_name"] for c in broken if c["severity"] == kind} for kind in ("error", "warning")]

    return run


def good(count, **changes):
    return [purchase(number, "2025-01-01", f"P{number % 200:04}", "50.00") | changes for number in range(1, count + 1)]


def test_good_rows_and_none_at_all_break_no_rule(evaluate):
    assert evaluate(*good(1500)) == [set(), set()]
    assert evaluate() == [set(), set()]
    assert evaluate(*good(3)) == [set(), set()]


KEY = '(RowCount = 0) or (IsPrimaryKey "purchase_id")'


@pytest.mark.parametrize(
    ("rows", "stops", "warns"),
    [
        ([*good(3), *good(1)], {KEY}, set()),
        (good(3, status="OUT"), {
            '(RowCount = 0) or (ColumnValues "status" in ["COMPLETED", "REFUNDED", "CANCELLED"])'
        }, set()),
        (good(3, product_id="X1"), {'(RowCount = 0) or (ColumnValues "product_id" matches "P[0-9]{4}")'}, set()),
        (good(3, customer_key=None), {'(RowCount = 0) or (IsComplete "customer_key")'}, set()),
        (good(2, amount_missing=True), {
            'CustomSql "SELECT count(*) FROM primary WHERE amount_missing <> (amount IS NULL)" = 0'
        }, set()),
        (
            [*good(1500), *[purchase(number, "2025-01-01", "P0001", None) for number in range(2000, 2200)]],
            set(), {'(RowCount < 1000) or (Completeness "amount" > 0.93)'},
        ),
        (
            [*good(1500), *[purchase(number, "2025-01-01", "P0001", None) for number in range(2000, 2500)]],
            {'(RowCount < 1000) or (Completeness "amount" > 0.8)'},
            {'(RowCount < 1000) or (Completeness "amount" > 0.93)'},
        ),
        (
            [purchase(1, "2025-01-01", "P0001", "100000.01")], set(),
            {'CustomSql "SELECT count(*) FROM primary WHERE amount < 0 OR amount > 100000" = 0'},
        ),
    ],
)  # fmt: skip
def test_what_breaks_a_rule(evaluate, rows, stops, warns):
    assert evaluate(*rows) == [stops, warns]


def test_a_ruleset_says_by_its_name_whether_it_only_warns():
    assert [quality.stops(name) for name in ("transactions_stops", "signups_final", "transactions_warns")] == [
        True, True, False,
    ]  # fmt: skip
