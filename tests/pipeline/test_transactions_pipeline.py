"""The pipeline transactions: each test goes on from where the one before it ended."""

import hashlib
import hmac
import io
import json
import os
import signal

import pyarrow.parquet as pq
import pytest

from millrace.local import BUCKET_PREFIX, LocalError

pytestmark = pytest.mark.whole
SLUG = "transactions"
RULESETS = ("transactions_stops", "transactions_warns")
HEADER = "purchase_id,purchase_date,customer_id,product_id,amount,region,status,note\n"
# What must be in no object, log or answer outside the raw bucket.
PERSONAL = (
    "ann.one@example.org", "broken.row@example.org", "unclosed@example.org", "Late.Person@example.com",
    "+41 79 555 01 23", "079 555 01 23", "555 01 23", "(212) 555-0199", "4111 1111 1111 1111", "5500005555555559",
    "DE89 3704 0044 0532 0130 00", "C-ANN-77", "C-BOB-78", "C-EVE-79", "extra.person@example.org",
)  # fmt: skip


@pytest.fixture(scope="module")
def pii_key(stack):
    return stack.aws.client("secretsmanager").get_secret_value(SecretId="millrace/pii-key")["SecretString"].encode()


def keyed(key, text):
    return str(int(hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:15], 16))


def rows(stack, table="transactions_clean"):
    """id → the rest of each row, which is by day, customer, product, amount, missing?, status, note, source, …"""
    found = stack.query(f"SELECT * FROM {table} ORDER BY purchase_id")
    assert len({row[0] for row in found}) == len(found)
    return {int(row[0]): row[1:] for row in found}


def tables(stack):
    return {table: stack.rows(table) for table in ("transactions_clean", "transactions_outliers", "daily_sales")}


def ledger(stack):
    """The newest run's numbers: upload → rows in, clean, outliers, duplicates, rejected."""
    runs = stack.objects("processed", f"_ledger/{SLUG}/_runs/")
    newest = max(stack.glue.get_job_runs(JobName=SLUG)["JobRuns"], key=lambda run: run["StartedOn"])["Id"]
    return {
        row["key"].rsplit("/", 1)[1]: (
            row["rows_in"], row["rows_transactions_clean"], row["rows_transactions_outliers"],
            row["duplicates"], row["rows_rejected"],
        )
        for row in json.loads(runs[f"_ledger/{SLUG}/_runs/{newest}.json"])
    }  # fmt: skip


def test_first_load(stack, pii_key):
    stack.upload(
        "transactions/2025-01-31.csv",
        HEADER
        + "1,2025-01-30,C-ANN-77,P0001,10.00,EUROPE,COMPLETED,mail ann.one@example.org\n"
        + '2,2025-01-31,C-BOB-78,P0002,,EUROPE,COMPLETED,"two, ""quoted"", call +41 79 555 01 23"\n'
        + "3,2025-01-31,C-ANN-77,P0001,5.50,APAC,REFUNDED,card 4111 1111 1111 1111\n"
        + "4,2025-01-31,C-ANN-77,P0001,99999.00,APAC,OUT,to DE89 3704 0044 0532 0130 00\n"
        + "1,2025-01-30,C-ANN-77,P0001,12.00,EUROPE,COMPLETED,again\n"  # the later line is the newer one
        + "5,2025-02-30,C-EVE-79,P0001,1.00,EUROPE,COMPLETED,broken.row@example.org\n"
        + '6,2025-01-31,C-EVE-79,P0001,1.00,EUROPE,COMPLETED,"unclosed@example.org\n'
        + "7,2025-01-31,C-EVE-79\n"
        + "8,2025-01-31,C-EVE-79,P0001,1.234,EUROPE,COMPLETED,079 555 01 23\n"
        + "9,2025-01-31,C-EVE-79,P0001,1.00,ATLANTIS,COMPLETED,\n",
    )
    errors = []
    state, tasks = stack.run("2025-01-31", lambda event: errors.append(event.get("error")))
    assert (state, set(tasks.values())) == ("success", {"success"}), list(filter(None, errors))
    ann, bob = keyed(pii_key, "C-ANN-77"), keyed(pii_key, "C-BOB-78")
    assert rows(stack) == {
        1: ("2025-01-30", ann, "P0001", "12.00", "false", "COMPLETED", "again", "2025-01-31.csv", "2025-01", "EUROPE"),
        2: ("2025-01-31", bob, "P0002", None, "true", "COMPLETED", 'two, "quoted", call [phone]', "2025-01-31.csv",
            "2025-01", "EUROPE"),
        3: ("2025-01-31", ann, "P0001", "5.50", "false", "REFUNDED", "card [card]", "2025-01-31.csv",
            "2025-01", "APAC"),
    }  # fmt: skip
    assert rows(stack, "transactions_outliers")[4][6] == "to [iban]"
    assert ledger(stack) == {"2025-01-31.csv": (10, 3, 1, 1, 5)}
    assert sorted(stack.rows("daily_sales")) == [
        ("2025-01-30", "P0001", "1", "1", "0", "0", "12.00", "0.00", "2025-01", "EUROPE"),
        ("2025-01-31", "P0001", "1", "0", "1", "0", "0.00", "5.50", "2025-01", "APAC"),
        ("2025-01-31", "P0002", "1", "1", "0", "1", "0.00", "0.00", "2025-01", "EUROPE"),
    ]


def test_rejects_tell_the_line_and_the_reason_and_show_only_the_lines_shape(stack):
    ((_, body),) = stack.objects("rejects", f"{SLUG}/").items()
    lines = [line.split(",", 4) for line in body.decode().splitlines()[1:]]
    assert [(line, column, reason) for _, line, column, reason, _ in lines] == [
        ("7", "purchase_date", "is not a date"),
        ("8", "", "a quote is not closed on its line"),
        ("9", "", "not 8 fields"),
        ("10", "amount", '"is not a decimal(12'),
        ("11", "region", '"is not one of AFRICA'),
    ]
    assert "9,9999-99-99,x-xxx-99,x9999,9.99,xxxxxx,xxxxxxxxx,xxxxxx.xxx@xxxxxxx.xxx" in body.decode()


def test_the_same_again_changes_nothing(stack):
    before = tables(stack)
    assert stack.run("2025-01-31")[0] == "success"
    assert ledger(stack) == {}
    assert tables(stack) == before


def test_late_and_newer_rows_make_only_their_partitions_anew(stack):
    before = stack.glue.get_partitions(DatabaseName=SLUG, TableName="transactions_clean")["Partitions"]
    places = {tuple(p["Values"]): p["StorageDescriptor"]["Location"] for p in before}
    stack.upload(
        "transactions/2025-02-02.csv",
        "Note,Region,Status,Amount,Product ID,Customer ID,Purchase Date,Purchase ID,Shop Code\n"
        + "late Late.Person@example.com,EUROPE,COMPLETED,7.00,P0003,C-BOB-78,2025-01-29,20,S1\n"
        + ",LATAM,COMPLETED,3.00,P0001,C-ANN-77,2025-02-01,21,extra.person@example.org\n"
        + ",EUROPE,OUT,10.00,P0002,C-BOB-78,2025-01-31,2,S3\n",  # turned out to be an outlier
    )
    assert stack.run("2025-02-02")[0] == "success"
    clean = rows(stack)
    assert sorted(clean) == [1, 3, 20, 21]
    # The new column is there for all, unknown for older rows, and redacted like any text.
    assert [clean[key][8] for key in (1, 20, 21)] == [None, "S1", "[e-mail]"]
    assert sorted(rows(stack, "transactions_outliers")) == [2, 4]
    after = stack.glue.get_partitions(DatabaseName=SLUG, TableName="transactions_clean")["Partitions"]
    now = {tuple(p["Values"]): p["StorageDescriptor"]["Location"] for p in after}
    assert now[("2025-01", "APAC")] == places[("2025-01", "APAC")]
    assert now[("2025-01", "EUROPE")] != places[("2025-01", "EUROPE")] and ("2025-02", "LATAM") in now
    assert [row for row in stack.rows("daily_sales") if row[0] < "2025-01-31"] == [
        ("2025-01-29", "P0003", "1", "1", "0", "0", "7.00", "0.00", "2025-01", "EUROPE"),
        ("2025-01-30", "P0001", "1", "1", "0", "0", "12.00", "0.00", "2025-01", "EUROPE"),
    ]


def test_an_older_upload_that_comes_late_does_not_undo_newer_rows(stack):
    stack.upload(
        "transactions/2025-01-15.csv",
        HEADER
        + "20,2025-01-14,C-BOB-78,P0003,1.00,EUROPE,CANCELLED,\n30,2025-01-14,C-BOB-78,P0001,2.00,EUROPE,COMPLETED,\n",
    )
    assert stack.run("2025-02-02")[0] == "success"
    clean = rows(stack)
    assert (clean[20][5], clean[30][3]) == ("COMPLETED", "2.00")
    assert ledger(stack) == {"2025-01-15.csv": (2, 2, 0, 1, 0)}


def test_a_changed_type_is_refused_and_said_clearly(stack):
    before, errors = tables(stack), []
    lines = "".join(f"{n},2025-02-03,C-EVE-79,P0001,USD 1.00,EUROPE,COMPLETED,\n" for n in range(40, 50))
    stack.upload("transactions/2025-02-03.csv", HEADER + lines)
    state, tasks = stack.run("2025-02-03", lambda event: errors.append(event.get("error")))
    assert (state, tasks["load"], tasks["publish_partitions"]) == ("failed", "failed", "upstream_failed")
    assert "column amount has changed its type: none of its first 10 values is a decimal(12,2), they look like " in str(
        errors
    )
    assert tables(stack) == before


def test_a_failed_check_publishes_nothing(stack):
    before, errors = tables(stack), []
    lines = "".join(f"{n},2025-02-03,C-EVE-79,P0001,,EUROPE,COMPLETED,\n" for n in range(1000, 1300))
    stack.upload("transactions/2025-02-03.csv", HEADER + lines)
    state, tasks = stack.run("2025-02-03", lambda event: errors.append(event.get("error")))
    assert (state, tasks["gate"], tasks["publish_partitions"]) == ("failed", "failed", "upstream_failed")
    assert "share_of_missing_amounts" in str(errors)
    assert tables(stack) == before


def test_a_broken_rule_of_data_quality_publishes_nothing_and_one_that_warns_does(stack):
    before, errors = tables(stack), []
    declared = {name: stack.glue.get_data_quality_ruleset(Name=name)["Ruleset"] for name in RULESETS}
    stack.upload("transactions/2025-02-03.csv", HEADER + "40,2025-02-03,C-EVE-79,P0001,4.00,EUROPE,COMPLETED,\n")
    broken = 'Rules = [ (RowCount = 0) or (ColumnValues "amount" < 4) ]'
    try:
        stack.glue.update_data_quality_ruleset(Name=RULESETS[0], Ruleset=broken)
        state, tasks = stack.run("2025-02-03", lambda event: errors.append(event.get("error")))
        assert (state, tasks["rules"], tasks["publish_partitions"]) == ("failed", "failed", "upstream_failed")
        assert '(ColumnValues "amount" < 4)' in str(errors)
        assert tables(stack) == before
        stack.glue.update_data_quality_ruleset(Name=RULESETS[0], Ruleset=declared[RULESETS[0]])
        stack.glue.update_data_quality_ruleset(Name=RULESETS[1], Ruleset=broken)
        assert stack.run("2025-02-03")[0] == "success"
        assert 40 in rows(stack)
    finally:
        for name, text in declared.items():
            stack.glue.update_data_quality_ruleset(Name=name, Ruleset=text)


def test_a_replaced_upload_takes_back_what_the_old_one_said(stack):
    stack.upload("transactions/2025-02-03.csv", HEADER + "41,2025-02-03,C-EVE-79,P0001,4.00,EUROPE,COMPLETED,\n")
    assert stack.run("2025-02-03")[0] == "success"
    stack.upload("transactions/2025-02-03.csv", HEADER + "42,2025-02-03,C-EVE-79,P0001,4.00,EUROPE,COMPLETED,\n")
    assert stack.run("2025-02-03")[0] == "success"
    assert sorted(rows(stack)) == [1, 3, 20, 21, 30, 42]


def test_an_upload_of_one_outlier_and_one_of_nothing_leave_all_else(stack):
    before, outliers = rows(stack), sorted(rows(stack, "transactions_outliers"))
    stack.upload("transactions/2025-02-04.csv", HEADER + "50,2025-02-03,C-EVE-79,P0001,9.00,EUROPE,OUT,\n")
    assert stack.run("2025-02-04")[0] == "success"
    stack.upload("transactions/2025-02-05.csv", HEADER)
    assert stack.run("2025-02-05")[0] == "success"
    assert ledger(stack) == {"2025-02-05.csv": (0, 0, 0, 0, 0)}
    assert (rows(stack), sorted(rows(stack, "transactions_outliers"))) == (before, [*outliers, 50])


TASKS = ("load", "catalogue_build", "publish_partitions")


@pytest.mark.parametrize("task", TASKS)
def test_a_run_killed_at_any_task_is_made_good_by_the_next(stack, task):
    before = rows(stack)
    number = 100 + TASKS.index(task)
    day = f"2025-03-{TASKS.index(task) + 1:02}"
    stack.upload(
        f"transactions/{day}.csv", HEADER + f"{number},2025-01-05,C-EVE-79,P0001,1.00,EUROPE,COMPLETED,{task}\n"
    )

    def kill(event):
        if event["task"] == task and event["state"] == "running":
            os.kill(stack.airflow.pid, signal.SIGKILL)

    with pytest.raises(LocalError):
        stack.run(day, kill)
    stack.restart_airflow()
    assert stack.run(day)[0] == "success"
    after = rows(stack)
    assert after.pop(number)[6] == task
    assert after == before


def test_in_the_end_the_tables_are_those_of_a_rebuild(stack):
    before = tables(stack)
    assert stack.run("2025-03-03", reprocess=True)[0] == "success"
    assert tables(stack) == before


def test_nothing_personal_is_in_any_object_log_or_answer_outside_raw(stack):
    texts = {}
    for bucket in ("processed", "final", "rejects", "athena"):
        for key, body in stack.objects(bucket).items():
            if SLUG in key or bucket == "athena":
                is_table = key.endswith(".parquet")
                texts[key] = str(pq.read_table(io.BytesIO(body)).to_pylist()) if is_table else body.decode("latin-1")
    logs = stack.aws.client("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        name = group["logGroupName"]
        for stream in logs.describe_log_streams(logGroupName=name)["logStreams"]:
            events = logs.get_log_events(logGroupName=name, logStreamName=stream["logStreamName"])["events"]
            texts[name, stream["logStreamName"]] = "\n".join(event["message"] for event in events)
    for path in (stack.folder / "airflow.log", stack.folder / "aws.log"):
        texts[path.name] = path.read_text(errors="replace")
    assert sum(key.endswith(".parquet") for key in texts if isinstance(key, str)) > 10
    assert any("rows" in text or "partitions" in text for text in texts.values())
    found = {(place, text) for place, body in texts.items() for text in PERSONAL if text.lower() in body.lower()}
    assert found == set()
    names = [f"{BUCKET_PREFIX}-{name}" for name in ("raw",)]
    assert stack.s3.list_objects_v2(Bucket=names[0], Prefix=SLUG)["KeyCount"] > 0
