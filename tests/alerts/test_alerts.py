"""From an event to a message: exact texts, and what is no cause for alarm."""

import pytest

from millrace.alerts import Alert, read

AT = "2026-11-21T14:00:00Z"


def event(source, kind, detail):
    return {"id": "1", "source": source, "detail-type": kind, "time": AT, "region": "eu-west-1", "detail": detail}


def job(state="FAILED", message="ValueError: no rows", run="jr_1"):
    detail = {"jobName": "sales", "state": state, "jobRunId": run, "severity": "ERROR", "message": message}
    return event("aws.glue", "Glue Job State Change", detail)


def quality(state="FAILED", rulesets=("transactions_clean",)):
    detail = {
        "resultId": "dqresult-1",
        "context": {"contextType": "GLUE_DATA_CATALOG", "databaseName": "transactions", "tableName": "clean"},
        "rulesetNames": list(rulesets),
        "state": state,
        "score": 0.8,
        "numRulesSucceeded": 4,
        "numRulesFailed": 1,
        "numRulesSkipped": 0,
    }
    return event("aws.glue-dataquality", "Data Quality Evaluation Results Available", detail)


def alarm(value="ALARM", reason="Threshold Crossed: 5.0 > 3.0"):
    detail = {
        "alarmName": "late-records",
        "state": {"value": value, "reason": reason, "timestamp": "2026-11-21T13:59:00.000+0000"},
        "previousState": {"value": "OK"},
        "configuration": {"description": "Records wait for minutes"},
    }
    return event("aws.cloudwatch", "CloudWatch Alarm State Change", detail)


def task(name="load", error="it broke"):
    detail = {
        "dag": "sales",
        "task": name,
        "map_index": -1,
        "run": "manual__1",
        "try": 3,
        "since": AT,
        "error": error,
        "link": "http://airflow/dags/sales/runs/manual__1/tasks/load",
    }
    return event("millrace", "Task Failed", detail)


def test_a_failed_job_is_one_readable_message():
    alert = read(job())
    assert alert.subject() == "Glue job failed: sales"
    assert alert.text() == (
        "What:  ValueError: no rows\n"
        "Where: sales\n"
        "Since: 2026-11-21T14:00:00Z\n"
        "Next:  Read the run's log, mend what it names, and start the job again; a load that was cut off leaves "
        "nothing half published. aws glue get-job-run --job-name sales --run-id jr_1\n"
        "Link:  https://eu-west-1.console.aws.amazon.com/gluestudio/home?region=eu-west-1#/job/sales/run/jr_1\n"
    )


def test_a_broken_rule_says_whether_the_load_was_held_back():
    assert "nothing of this load was published" in read(quality(rulesets=["sales_stops"])).next_step
    assert "the load was published all the same" in read(quality(rulesets=["sales_warns"])).next_step
    assert "nothing of this load was published" in read(quality(rulesets=["sales_warns", "sales_stops"])).next_step


def test_what_came_again_is_counted():
    alert = read(job())
    assert alert.subject(again=12) == "Glue job failed: sales (again, 12 times)"
    lines = alert.text(again=12, first="2026-11-21T10:00:00Z").splitlines()
    assert lines[2:4] == [
        "Since: 2026-11-21T10:00:00Z",
        "Again: 12 times since it was last told, latest 2026-11-21T14:00:00Z",
    ]


@pytest.mark.parametrize(
    ("given", "subject", "what"),
    [
        (
            event(
                "aws.glue", "Glue Crawler State Change", {"crawlerName": "c", "state": "Failed", "errorMessage": "no"}
            ),
            "Glue crawler failed: c",
            "no",
        ),
        (quality(), "Data quality: transactions.clean by transactions_clean", "1 of 5 rules failed."),
        (
            event(
                "lambda",
                "Lambda Function Invocation Result - Failure",
                {
                    "timestamp": AT,
                    "requestContext": {
                        "functionArn": "arn:aws:lambda:eu-west-1:1:function:csv_to_parquet:$LATEST",
                        "condition": "RetriesExhausted",
                        "approximateInvokeCount": 3,
                    },
                    "responsePayload": {"errorMessage": "bad file", "errorType": "ValueError"},
                },
            ),
            "Function failed: csv_to_parquet",
            "bad file (3 tries)",
        ),
        (alarm(), "Alarm: late-records", "Records wait for minutes. Threshold Crossed: 5.0 > 3.0"),
        (alarm("OK"), "Over: Alarm: late-records", "Records wait for minutes. Threshold Crossed: 5.0 > 3.0"),
        (task(), "Task failed: sales.load", "it broke (run manual__1, try 3)"),
        (task("reconcile"), "Rows are missing: sales.reconcile", "it broke (run manual__1, try 3)"),
        (task("gate"), "Data check failed: sales.gate", "it broke (run manual__1, try 3)"),
        (task("rules"), "Data check failed: sales.rules", "it broke (run manual__1, try 3)"),
        (task("same_numbers"), "Numbers differ: sales.same_numbers", "it broke (run manual__1, try 3)"),
        (
            quality(rulesets=["sales_warns"]),
            "Data quality warns: transactions.clean by sales_warns",
            "1 of 5 rules failed.",
        ),
        (
            event("millrace", "Run Late", {"dag": "sales", "run": "r1", "deadline": AT, "link": "l"}),
            "Run is late: sales",
            f"The run r1 has not ended by its deadline, {AT}.",
        ),
        (
            event(
                "millrace",
                "Alert",
                {"kind": "Data is stale", "where": "sales", "what": "none since", "since": AT, "next": "look"},
            ),
            "Data is stale: sales",
            "none since",
        ),
    ],
)
def test_each_kind_of_event_has_its_message(given, subject, what):
    alert = read(given)
    assert (alert.subject(), alert.what) == (subject, what)
    assert alert.next_step
    assert alert.link


@pytest.mark.parametrize(
    "given",
    [
        job("SUCCEEDED"),
        job("STOPPED"),
        quality("SUCCEEDED"),
        alarm("INSUFFICIENT_DATA"),
        event("aws.glue", "Glue Crawler State Change", {"crawlerName": "c", "state": "Succeeded"}),
    ],
)
def test_what_went_well_is_not_told(given):
    assert read(given) is None


def test_an_event_of_no_known_kind_is_refused():
    with pytest.raises(ValueError, match=r"no alert is known for events of \('aws.ec2', 'x'\)"):
        read(event("aws.ec2", "x", {}))


def test_the_same_fault_has_one_fingerprint_whatever_its_numbers():
    same = [job(message=f"Row {n} of 's3://b/{n}.csv' is bad", run=f"jr_{n}") for n in (1, 22)]
    assert len({read(each).fingerprint for each in same}) == 1
    assert read(job(message="another cause")).fingerprint != read(job()).fingerprint
    assert read(alarm()).fingerprint == read(alarm("OK", reason="2 datapoints were below")).fingerprint
    assert read(task("load")).fingerprint != read(task("gate")).fingerprint


def test_a_subject_is_what_sns_takes():
    alert = Alert("Täsk", "x" * 300, "w", AT, "n", "l")
    assert len(alert.subject(again=100)) <= 100
    assert alert.subject(again=100).endswith("... (again, 100 times)")
    assert alert.subject().isascii()
    long = read(job(message="x\n" * 5000))
    assert len(long.what) <= 1500
    assert "\n" not in long.what
