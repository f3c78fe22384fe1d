"""Triggers: what they start, when, and what is refused. Source where none is named: "AWS Glue triggers" in its guide.

Runs are ended by the test, on a registry of its own; crawlers by the API at the end.
"""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from localaws.core import AwsError, World
from localaws.glue.catalog import Catalog
from localaws.glue.timetable import Timetable
from localaws.glue.triggers import Triggers
from localaws.s3.store import Store


class Clock:
    def __init__(self):
        self.now = datetime(2024, 2, 27, 17, 3, tzinfo=UTC)

    def __call__(self):
        return self.now


class Runs:
    """Jobs or crawlers a, b, c: notes what is started; the test says what ends."""

    def __init__(self):
        self.started = []
        self.ids = itertools.count()
        self.fail = {}

    def has(self, name):
        return name in "abcd"

    def start(self, action, trigger):
        name = action.get("JobName") or action["CrawlerName"]
        if name in self.fail:
            raise AwsError("ConcurrentRunsExceededException", self.fail[name])
        self.started.append(name)
        return f"{name}-{next(self.ids)}"


class Bench:
    def __init__(self, folder):
        self.folder = folder
        self.clock = Clock()
        self.jobs, self.crawlers = Runs(), Runs()
        self.open()

    def open(self):
        self.timetable = Timetable(self.clock)
        world = World(self.folder, "http://127.0.0.1:0", Store(self.folder / "s3"), Catalog())
        self.triggers = Triggers(world, self.timetable, {"job": self.jobs, "crawler": self.crawlers})

    def close(self):
        self.timetable.close()
        self.triggers.close()

    def create(self, name, kind, actions, **given):
        self.triggers.create({"Name": name, "Type": kind, "Actions": [action(one) for one in actions], **given})

    def when(self, name, conditions, actions, logical="AND", **given):
        """A conditional trigger; conditions as ``a=SUCCEEDED`` of jobs, ``crawler a=FAILED`` of crawlers."""
        predicate = {"Logical": logical, "Conditions": [condition(one) for one in conditions]}
        self.create(name, "CONDITIONAL", actions, Predicate=predicate, **{"StartOnCreation": True, **given})

    def end(self, name, state="SUCCEEDED", kind="job", attempt=""):
        """The latest run that a trigger started of that name ends."""
        run = [run for of, run in self.triggers._chains if of == kind and run.startswith(name)][-1]
        self.triggers.ended(kind, name, f"{run}{attempt}", state)

    def pass_to(self, *moment):
        self.clock.now = datetime(*moment, tzinfo=UTC)
        self.timetable.run_due()


def action(text):
    return {"CrawlerName": text.removeprefix("crawler ")} if text.startswith("crawler ") else {"JobName": text}


def condition(text):
    about, _, state = text.partition("=")
    member = "CrawlState" if about.startswith("crawler ") else "State"
    return {**action(about), member: state, "LogicalOperator": "EQUALS"}


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def test_on_demand(bench):
    bench.create("go", "ON_DEMAND", ["a", "crawler b"])
    assert bench.triggers.get("go")["State"] == "CREATED"
    assert bench.jobs.started == []
    bench.triggers.start("go")
    assert (bench.jobs.started, bench.crawlers.started) == (["a"], ["b"])
    # "On-demand triggers never enter the ACTIVATED or DEACTIVATED state."
    assert bench.triggers.get("go")["State"] == "CREATED"
    with pytest.raises(AwsError, match="on demand"):
        bench.triggers.stop("go")


def test_scheduled(bench):
    bench.create("nightly", "SCHEDULED", ["a"], Schedule="cron(0 18 ? * MON-FRI *)")
    bench.pass_to(2024, 2, 27, 18, 0)
    assert bench.jobs.started == []  # it was only created
    bench.triggers.start("nightly")
    assert bench.triggers.get("nightly")["State"] == "ACTIVATED"
    bench.pass_to(2024, 2, 28, 17, 59)
    assert bench.jobs.started == []
    bench.pass_to(2024, 2, 28, 18, 0)
    assert bench.jobs.started == ["a"]
    bench.pass_to(2024, 2, 28, 18, 1)
    assert bench.jobs.started == ["a"]
    bench.pass_to(2024, 3, 5, 18, 0)  # what was slept through is done once
    assert bench.jobs.started == ["a", "a"]
    bench.triggers.stop("nightly")
    assert bench.triggers.get("nightly")["State"] == "DEACTIVATED"
    bench.pass_to(2024, 3, 7, 18, 0)
    assert bench.jobs.started == ["a", "a"]


def test_a_schedule_outlives_a_restart(bench):
    bench.create("nightly", "SCHEDULED", ["a"], Schedule="cron(0 18 * * ? *)", StartOnCreation=True, Tags={"k": "v"})
    bench.close()
    bench.clock.now += timedelta(days=2)
    bench.open()
    assert bench.triggers.get("nightly")["State"] == "ACTIVATED"
    assert bench.triggers.tags("nightly") == {"k": "v"}
    bench.timetable.run_due()
    assert bench.jobs.started == []  # what fell due while nothing ran is not made up for
    bench.pass_to(2024, 2, 29, 18, 0)
    assert bench.jobs.started == ["a"]


def test_a_chain(bench):
    bench.create("go", "ON_DEMAND", ["a"])
    bench.when("then b", ["a=SUCCEEDED"], ["b"])
    bench.when("then crawl", ["b=SUCCEEDED"], ["crawler c"])
    bench.when("then d", ["crawler c=SUCCEEDED"], ["d"])
    bench.triggers.start("go")
    bench.end("a")
    assert bench.jobs.started == ["a", "b"]
    bench.end("b")
    bench.end("c", kind="crawler")
    assert (bench.jobs.started, bench.crawlers.started) == (["a", "b", "d"], ["c"])


def test_what_was_not_started_by_a_trigger_sets_off_nothing(bench):
    bench.when("then b", ["a=SUCCEEDED"], ["b"])
    bench.triggers.ended("job", "a", "jr_by_hand", "SUCCEEDED")
    assert bench.jobs.started == []


@pytest.mark.parametrize(("state", "started"), [("SUCCEEDED", []), ("FAILED", ["d"]), ("TIMEOUT", []), ("STOPPED", [])])
def test_the_state_matters(bench, state, started):
    bench.create("go", "ON_DEMAND", ["a"])
    bench.when("on failure", ["a=FAILED"], ["d"])
    bench.triggers.start("go")
    bench.end("a", state)
    assert bench.jobs.started[1:] == started


def test_a_retry_is_of_the_same_chain(bench):
    bench.create("go", "ON_DEMAND", ["a"])
    bench.when("then b", ["a=SUCCEEDED"], ["b"])
    bench.triggers.start("go")
    bench.end("a", "FAILED")
    assert bench.jobs.started == ["a"]
    bench.end("a", attempt="_attempt_1")
    assert bench.jobs.started == ["a", "b"]


def test_runs_that_end_with_the_server_set_off_nothing(bench):
    bench.create("go", "ON_DEMAND", ["a"])
    bench.when("on failure", ["a=FAILED"], ["d"])
    bench.triggers.start("go")
    bench.close()
    bench.end("a", "FAILED")
    assert bench.jobs.started == ["a"]


def test_all_of_several(bench):
    bench.create("go", "ON_DEMAND", ["a", "b"])
    bench.when("both", ["a=SUCCEEDED", "b=SUCCEEDED"], ["c"])
    bench.triggers.start("go")
    bench.end("b")
    assert bench.jobs.started == ["a", "b"]
    bench.end("a")
    assert bench.jobs.started == ["a", "b", "c"]
    bench.end("a")  # once more in the same chain: both are waited for again
    assert bench.jobs.started == ["a", "b", "c"]


def test_all_of_several_of_one_chain(bench):
    """ "All jobs in a dependency chain must be descendants of a single scheduled or on-demand trigger."""
    bench.create("go", "ON_DEMAND", ["a", "b"])
    bench.when("both", ["a=SUCCEEDED", "b=SUCCEEDED"], ["c"])
    bench.triggers.start("go")
    bench.end("a")
    bench.end("b", "FAILED")
    bench.triggers.start("go")
    bench.end("b")
    assert "c" not in bench.jobs.started
    bench.end("a")
    assert bench.jobs.started.count("c") == 1


def test_any_of_several(bench):
    bench.create("go", "ON_DEMAND", ["a", "crawler b"])
    bench.when("either", ["a=SUCCEEDED", "crawler b=CANCELLED"], ["c"], logical="ANY")
    bench.triggers.start("go")
    bench.end("a", "FAILED")
    assert "c" not in bench.jobs.started
    bench.end("b", "CANCELLED", kind="crawler")
    assert bench.jobs.started == ["a", "c"]


def test_a_conditional_trigger_that_is_not_active_fires_not(bench):
    bench.create("go", "ON_DEMAND", ["a"])
    bench.when("then b", ["a=SUCCEEDED"], ["b"], StartOnCreation=False)
    bench.triggers.start("go")
    bench.end("a")
    bench.triggers.start("then b")
    bench.triggers.start("go")
    bench.triggers.stop("then b")
    bench.end("a")
    assert bench.jobs.started == ["a", "a"]


def test_what_cannot_be_started_does_not_hold_up_the_rest(bench):
    bench.jobs.fail["a"] = "Concurrent runs exceeded for a"
    bench.create("go", "ON_DEMAND", ["a", "b"])
    with pytest.raises(AwsError, match="exceeded for a"):
        bench.triggers.start("go")
    assert bench.jobs.started == ["b"]


def test_an_update_replaces_the_definition(bench):
    bench.create("t", "SCHEDULED", ["a"], Schedule="cron(0 18 * * ? *)", StartOnCreation=True, Description="old")
    changed = bench.triggers.update("t", {"Schedule": "cron(0 20 * * ? *)", "Actions": [{"JobName": "b"}]})
    assert changed == {
        "Name": "t",
        "Type": "SCHEDULED",
        "State": "ACTIVATED",
        "Schedule": "cron(0 20 * * ? *)",
        "Actions": [{"JobName": "b"}],
    }
    bench.pass_to(2024, 2, 27, 19, 0)
    assert bench.jobs.started == []
    bench.pass_to(2024, 2, 27, 20, 0)
    assert bench.jobs.started == ["b"]
    with pytest.raises(AwsError, match="not found"):
        bench.triggers.update("none", {})


def test_delete(bench):
    bench.create("t", "SCHEDULED", ["a"], Schedule="cron(0 18 * * ? *)", StartOnCreation=True)
    bench.triggers.delete("t")
    bench.triggers.delete("t")  # "If the trigger is not found, no exception is thrown."
    bench.pass_to(2024, 2, 27, 18, 0)
    assert (bench.jobs.started, bench.triggers.all()) == ([], [])


A = {"Actions": [{"JobName": "a"}]}
WHEN_B = {"Conditions": [{"JobName": "b", "State": "SUCCEEDED"}]}


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        ({"Type": "SCHEDULED", **A}, "InvalidInputException", "Schedule is required"),
        ({"Type": "SCHEDULED", "Schedule": "rate(5 minutes)", **A}, "InvalidInputException", "not of the form cron"),
        ({"Type": "SCHEDULED", "Schedule": "cron(0 0 * * *)", **A}, "InvalidInputException", "has 5 fields"),
        # "Cron expressions that lead to rates faster than 5 minutes are not supported."
        ({"Type": "SCHEDULED", "Schedule": "cron(0/4 * * * ? *)", **A}, "InvalidInputException", "every 5 minutes"),
        ({"Type": "SCHEDULED", "Schedule": "cron(0,58 * * * ? *)", **A}, "InvalidInputException", "every 5 minutes"),
        (
            {"Type": "ON_DEMAND", "Schedule": "cron(0 0 * * ? *)", **A},
            "InvalidInputException",
            "Schedule is not allowed",
        ),
        ({"Type": "ON_DEMAND", "StartOnCreation": True, **A}, "InvalidInputException", "StartOnCreation"),
        ({"Type": "ON_DEMAND", "Actions": []}, "InvalidInputException", "Actions are required"),
        ({"Type": "ON_DEMAND", "Actions": [{}]}, "InvalidInputException", "either a job"),
        ({"Type": "ON_DEMAND", "Actions": [{"JobName": "a", "CrawlerName": "a"}]}, "InvalidInputException", "either a"),
        ({"Type": "ON_DEMAND", "Actions": [{"JobName": "z"}]}, "EntityNotFoundException", "Job z does not exist"),
        (
            {"Type": "ON_DEMAND", "Actions": [{"CrawlerName": name} for name in "abc"]},
            "InvalidInputException",
            "at most 2 crawlers",
        ),
        ({"Type": "CONDITIONAL", **A}, "InvalidInputException", "Predicate is required"),
        ({"Type": "CONDITIONAL", "Predicate": {"Logical": "AND"}, **A}, "InvalidInputException", "Conditions are req"),
        (
            {"Type": "CONDITIONAL", "Predicate": {"Conditions": WHEN_B["Conditions"] * 2}, **A},
            "InvalidInputException",
            "Logical is required",
        ),
        (
            {"Type": "CONDITIONAL", "Predicate": {"Conditions": [{"JobName": "b", "State": "RUNNING"}]}, **A},
            "InvalidInputException",
            "State is 'RUNNING'; it may be SUCCEEDED, STOPPED, FAILED, TIMEOUT",
        ),
        (
            {"Type": "CONDITIONAL", "Predicate": {"Conditions": [{"CrawlerName": "b", "State": "SUCCEEDED"}]}, **A},
            "InvalidInputException",
            "CrawlState is None",
        ),
        # AWS's own message, as people met it.
        (
            {"Type": "CONDITIONAL", "Predicate": WHEN_B, "Actions": [{"JobName": "b"}]},
            "InvalidInputException",
            "Job cannot be a Predicate and Action for Conditional Trigger.",
        ),
        ({"Type": "EVENT", **A}, "NotSupportedByLocalAws", "type EVENT is refused"),
        ({"Type": "ON_DEMAND", "WorkflowName": "w", **A}, "NotSupportedByLocalAws", "no workflows"),
        ({"Type": "HOURLY", **A}, "InvalidInputException", "'HOURLY' is not known"),
    ],
)
def test_what_is_refused(bench, given, code, message):
    with pytest.raises(AwsError, match=message) as error:
        bench.triggers.create({"Name": "t", **given})
    assert error.value.code == code
    assert bench.triggers.all() == []


def test_the_api(lake, glue):
    lake.put_parquet("t/f.parquet", id=[1])
    lake.create("t/")
    first, then = f"{lake.crawler}_first", f"{lake.crawler}_then"
    second = f"{lake.crawler}_second"
    glue.create_crawler(
        Name=second,
        Role="r",
        DatabaseName=lake.database,
        TablePrefix="second_",
        Targets={"S3Targets": [{"Path": f"s3://{lake.bucket}/t/"}]},
    )
    crawl = [{"CrawlerName": lake.crawler}]
    assert glue.create_trigger(Name=first, Type="ON_DEMAND", Actions=crawl, Tags={"of": first})["Name"] == first
    condition = {"LogicalOperator": "EQUALS", "CrawlerName": lake.crawler, "CrawlState": "SUCCEEDED"}
    predicate = {"Logical": "AND", "Conditions": [condition]}
    follow = {"Actions": [{"CrawlerName": second}], "Predicate": predicate}
    glue.create_trigger(Name=then, Type="CONDITIONAL", StartOnCreation=True, **follow)
    with pytest.raises(ClientError) as error:
        glue.create_trigger(Name=then, Type="ON_DEMAND", Actions=crawl)
    assert error.value.response["Error"]["Code"] == "AlreadyExistsException"
    expected = {"Name": then, "Type": "CONDITIONAL", "State": "ACTIVATED", **follow}
    assert glue.get_trigger(Name=then)["Trigger"] == expected
    assert expected in glue.get_triggers()["Triggers"]
    found = glue.batch_get_triggers(TriggerNames=[then, "none"])
    assert (found["Triggers"], found["TriggersNotFound"]) == ([expected], ["none"])
    assert glue.list_triggers(Tags={"of": first})["TriggerNames"] == [first]

    glue.start_trigger(Name=first)
    lake.wait()
    lake.crawler = second
    ended = lake.wait_until(lambda crawler: "LastCrawl" in crawler)
    assert ended["Status"] == "SUCCEEDED"
    assert sorted(lake.tables()) == ["second_t", "t"]

    glue.stop_trigger(Name=then)
    assert glue.get_trigger(Name=then)["Trigger"]["State"] == "DEACTIVATED"
    for name in (first, then):
        assert glue.delete_trigger(Name=name)["Name"] == name
    with pytest.raises(ClientError) as error:
        glue.start_trigger(Name=first)
    assert error.value.response["Error"]["Code"] == "EntityNotFoundException"
