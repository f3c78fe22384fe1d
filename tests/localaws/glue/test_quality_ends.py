"""How evaluation runs end that do not come to their rules' end: cancelled, too long, cut off by a stop."""

import threading
import time
from types import SimpleNamespace

import pytest

from localaws.core import AwsError, Call, World
from localaws.glue.catalog import Catalog
from localaws.glue_quality.api import DataQuality

SOURCE = {"GlueTable": {"DatabaseName": "d", "TableName": "t"}}
COLUMNS = {"Columns": [{"Name": "id", "Type": "int"}], "Location": "s3://b/t/"}


class SlowAthena:
    """Answers a query when it is let go on."""

    def __init__(self):
        self.asked, self.go_on = threading.Event(), threading.Event()

    def execute(self, sql, database):
        self.asked.set()
        self.go_on.wait(10)
        return SimpleNamespace(rows=[(1,)] if "count_if" not in sql else [(1, 1, 1, 0.0)])


@pytest.fixture
def world(tmp_path):
    told = []
    engines = {"athena": SlowAthena(), "events": SimpleNamespace(put=lambda *event: told.append(event))}
    world = World(tmp_path, "http://127.0.0.1:1", None, Catalog(), engines)
    world.catalog.create_database({"Name": "d"})
    world.catalog.create_table("d", {"Name": "t", "StorageDescriptor": COLUMNS})
    world.told = told
    yield world
    engines["athena"].go_on.set()
    world.catalog.close()


def call(quality, operation, **params):
    return quality.operations[operation](Call("glue", operation, params))


def started(quality, **more):
    rules = 'Rules = [ RowCount > 0, IsUnique "id" ]'  # two statements: a run ends between them
    call(quality, "CreateDataQualityRuleset", Name="r", Ruleset=rules)
    given = {"DataSource": SOURCE, "Role": "r", "RulesetNames": ["r"], **more}
    return call(quality, "StartDataQualityRulesetEvaluationRun", **given)["RunId"]


def ended(quality, run_id):
    for _ in range(500):
        run = call(quality, "GetDataQualityRulesetEvaluationRun", RunId=run_id)
        if "CompletedOn" in run:
            return run
        time.sleep(0.01)
    raise AssertionError("the run did not end")


def test_a_cancelled_run_stops_before_its_next_statement_and_has_no_result(world):
    quality, athena = DataQuality(world), world.engines["athena"]
    run_id = started(quality)
    assert athena.asked.wait(10)
    call(quality, "CancelDataQualityRulesetEvaluationRun", RunId=run_id)
    assert call(quality, "GetDataQualityRulesetEvaluationRun", RunId=run_id)["Status"] == "STOPPING"
    athena.go_on.set()
    run = ended(quality, run_id)
    assert run["Status"] == "STOPPED"
    assert "ResultIds" not in run
    assert world.told == []


def test_a_run_ends_by_its_timeout(world, monkeypatch):
    quality, athena = DataQuality(world), world.engines["athena"]
    run_id = started(quality, Timeout=1)
    assert athena.asked.wait(10)
    now = time.time
    monkeypatch.setattr("localaws.glue_quality.runs.time.time", lambda: now() + 61)
    athena.go_on.set()
    assert ended(quality, run_id)["Status"] == "TIMEOUT"


def test_a_run_that_a_stop_cut_off_has_failed_after_the_restart_and_what_was_kept_is_there(world):
    quality, athena = DataQuality(world), world.engines["athena"]
    athena.go_on.set()
    whole = ended(quality, started(quality))
    run = {**quality._runs.find(whole["RunId"]), "RunId": "dqrun-cut-off", "Status": "RUNNING"}
    quality._runs.runs.save("dqrun-cut-off", run)
    quality.close()
    again = DataQuality(world)
    cut_off = call(again, "GetDataQualityRulesetEvaluationRun", RunId="dqrun-cut-off")
    assert (cut_off["Status"], cut_off["ErrorString"]) == ("FAILED", "The embedded AWS ended during the run.")
    assert call(again, "GetDataQualityResult", ResultId=whole["ResultIds"][0])["Score"] == 1.0
    assert call(again, "GetDataQualityRuleset", Name="r")["Name"] == "r"
    with pytest.raises(AwsError, match="was not found"):
        call(again, "GetDataQualityResult", ResultId="dqresult-none")
    assert len(world.told) == 1
