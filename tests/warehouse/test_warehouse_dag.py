"""The DAG transactions_warehouse on the embedded AWS: each test goes on from where the one before it ended."""

import os
import signal

import pytest

from millrace.local import STATE, Airflow, LocalError
from tests.warehouse.conftest import SLUG, TABLES, day, purchase

DAG = f"{SLUG}_warehouse"
pytestmark = pytest.mark.whole


class Dag:
    """The DAG in an Airflow of its own."""

    def __init__(self, lake, folder):
        STATE.mkdir(exist_ok=True)
        self.lake = lake
        self.airflow = Airflow(DAG, lake.aws, folder / "airflow", folder / "airflow.log")
        self.airflow.wait_ready()

    def run(self, date, watch=lambda event: None):
        """Its state, and what its tasks came to."""
        result = self.airflow.run({"logical_date": f"{date}T08:00:00Z"}, watch)
        return result["result"], {task["task"]: task["state"] for task in result["tasks"]}

    def publish(self, period, region, rows, *daily):
        self.lake.publish("transactions_clean", period, region, rows)
        self.lake.publish("daily_sales", period, region, [day(*each) for each in daily])


@pytest.fixture(scope="module")
def dag(lake, tmp_path_factory):
    dag = Dag(lake, tmp_path_factory.mktemp("dag"))
    yield dag
    dag.airflow.__exit__(None, None, None)


def sales(lake):
    return lake.rows("SELECT purchase_date, region, product_id, purchases, sales FROM daily_sales ORDER BY 1, 2, 3")


def test_before_anything_is_published_there_are_empty_tables(dag, lake):
    lake.run_all([f"DROP TABLE {table}" for table in TABLES])
    state, tasks = dag.run("2025-01-01")
    assert (state, tasks["plan"], tasks["load"], tasks["same_numbers"]) == ("success", "skipped", "skipped", "success")
    assert [lake.rows(f"SELECT count(*) FROM {table}") for table in (*TABLES, "sales_by_region")] == [[["0"]]] * 4


def test_what_is_published_is_in_redshift_with_the_same_numbers(dag, lake):
    europe = [purchase(1, "2025-01-30", "P0001", "10.00"), purchase(2, "2025-01-30", "P0001", None)]
    dag.publish("2025-01", "EUROPE", europe, ("2025-01-30", "P0001", 2, 2, 0, 1, "10.00", "0.00"))
    apac = [purchase(3, "2025-01-31", "P0002", "5.50", "REFUNDED")]
    dag.publish("2025-01", "APAC", apac, ("2025-01-31", "P0002", 1, 0, 1, 0, "0.00", "5.50"))
    errors = []
    state, tasks = dag.run("2025-02-01", lambda event: errors.append(event.get("error")))
    assert (state, set(tasks.values())) == ("success", {"success"}), list(filter(None, errors))
    assert sales(lake) == [
        ["2025-01-30", "EUROPE", "P0001", "2", "10.00"],
        ["2025-01-31", "APAC", "P0002", "1", "0.00"],
    ]
    assert lake.rows("SELECT region, refunded FROM sales_by_region ORDER BY 1") == [
        ["APAC", "5.50"],
        ["EUROPE", "0.00"],
    ]


def test_again_it_loads_nothing_and_compares(dag, lake):
    before = sales(lake)
    state, tasks = dag.run("2025-02-02")
    assert (state, tasks["plan"], tasks["load"], tasks["same_numbers"]) == ("success", "skipped", "skipped", "success")
    assert sales(lake) == before


@pytest.mark.parametrize(("number", "task"), [(21, "plan"), (22, "load"), (23, "views")])
def test_a_run_killed_at_any_task_is_made_good_by_the_next(dag, lake, number, task):
    dag.publish(
        "2025-03", task.upper(), [purchase(number, "2025-03-01", "P0007", "2.00")],
        ("2025-03-01", "P0007", 1, 1, 0, 0, "2.00", "0.00"),
    )  # fmt: skip

    def kill(event):
        if event["task"] == task and event["state"] == "running":
            os.kill(dag.airflow.run_pid, signal.SIGKILL)

    with pytest.raises(LocalError):
        dag.run(f"2025-03-{number}", kill)
    assert dag.run(f"2025-03-{number}")[0] == "success"
    assert lake.rows(f"SELECT region, sales FROM sales_by_region WHERE region = '{task.upper()}'") == [
        [task.upper(), "2.00"]
    ]
    assert lake.rows("SELECT count(*) - count(DISTINCT purchase_id) FROM purchases") == [["0"]]


def test_numbers_that_differ_fail_the_run_and_say_where(dag, lake):
    lake.run_all(["UPDATE purchases SET amount = 10.01 WHERE purchase_id = 1"])
    errors = []
    state, tasks = dag.run("2025-04-01", lambda event: errors.append(event.get("error")))
    assert (state, tasks["same_numbers"]) == ("failed", "failed")
    assert "Redshift and Athena differ: purchases 2025-01-30 EUROPE: sales 10.01, not 10.00" in str(errors)
    # What the alert says to do: then the next run loads that partition again.
    lake.run_all(["DELETE FROM loaded_partitions WHERE period = '2025-01' AND region = 'EUROPE'"])
    assert dag.run("2025-04-02")[0] == "success"


def test_what_is_published_while_a_run_compares_is_no_difference(dag, lake):
    def publish(event):
        if event["task"] == "load" and event["state"] == "skipped":
            raise AssertionError
        if event["task"] == "views" and event["state"] == "running":
            apac = [purchase(3, "2025-01-31", "P0002", "5.50")]
            dag.publish("2025-01", "APAC", apac, ("2025-01-31", "P0002", 1, 1, 0, 0, "5.50", "0.00"))

    state, tasks = dag.run("2025-04-03", publish)
    assert tasks["same_numbers"] in ("skipped", "success") and state == "success"
    assert dag.run("2025-04-04")[1]["same_numbers"] == "success"
    assert lake.rows("SELECT sales FROM sales_by_region WHERE region = 'APAC'") == [["5.50"]]
