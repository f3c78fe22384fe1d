"""OpenLineage: what is read from the SQL, and the events that leave a run of a DAG."""

import json

import pytest

pytest.importorskip("airflow.providers.openlineage", reason="the OpenLineage provider is not installed")

from millrace.lineage import read_sql
from millrace.local import BUCKET_PREFIX, STATE, Airflow, LocalAws
from millrace.provision import Provisioner

UNLOAD = """
-- What is written.
UNLOAD (
    WITH logins AS (SELECT user_id, CAST(login_at AS date) AS day FROM user_login_locations)
    SELECT logins.user_id, logins.day, max(c.accepted_at) AS accepted_at, count(*) AS n
    FROM logins INNER JOIN retraced.user_companies AS c ON logins.user_id = c.user_id GROUP BY 1, 2
)
TO 's3://b/k/' WITH (format = 'PARQUET')
"""
LOGINS, COMPANIES = ("retraced", "user_login_locations"), ("retraced", "user_companies")
NAMESPACE = "awsathena://athena.us-east-1.amazonaws.com"


def test_an_unloads_columns_are_followed_through_its_parts():
    assert read_sql(UNLOAD, "retraced") == (
        [COMPANIES, LOGINS],
        None,
        {
            "user_id": [(*LOGINS, "user_id")], "day": [(*LOGINS, "login_at")],
            "accepted_at": [(*COMPANIES, "accepted_at")], "n": [],
        },
    )  # fmt: skip


def test_a_view_is_what_is_created_and_a_star_is_the_contracts_columns():
    read, created, sources = read_sql("CREATE OR REPLACE VIEW v AS SELECT * FROM user_companies", "retraced")
    assert (read, created) == ([COMPANIES], ("retraced", "v"))
    assert sources["accepted_at"] == [(*COMPANIES, "accepted_at")]


@pytest.mark.parametrize("sql", ["MSCK REPAIR TABLE a", "this is no SQL (", "DROP TABLE a"])
def test_of_what_is_no_query_nothing_is_said(sql):
    assert read_sql(sql, "retraced") == ([], None, {})


@pytest.mark.whole
def test_events_with_columns_leave_a_run(tmp_path, monkeypatch):
    told = tmp_path / "events.jsonl"
    transport = {"type": "file", "log_file_path": str(told), "append": True}
    monkeypatch.setenv("AIRFLOW__OPENLINEAGE__TRANSPORT", json.dumps(transport))
    STATE.mkdir(exist_ok=True)
    with (
        LocalAws(tmp_path / "aws", tmp_path / "aws.log") as aws,
        Airflow("retraced", aws, tmp_path / "airflow", tmp_path / "airflow.log") as airflow,
    ):
        provisioner = Provisioner(aws.client, BUCKET_PREFIX, STATE / "packages")
        provisioner.common()
        provisioner.pipeline("retraced", listens=False)
        for table, text in {
            "user_companies": "user_id,company_id,accepted_at\nu1,acme,2024-01-05\n",
            "user_login_locations": "user_id,company_id,login_at,country\nu1,acme,2024-01-06,CH\n",
        }.items():
            key = f"retraced/{table}/2024-01-31.csv"
            aws.client("s3").put_object(Bucket=f"{BUCKET_PREFIX}-raw", Key=key, Body=text.encode())
        airflow.wait_ready()
        run = {"logical_date": "2024-01-31T06:00:00Z", "date": "2024-01-31"}
        assert airflow.run(run, lambda event: None)["result"] == "success"
    events = [json.loads(line) for line in told.read_text().splitlines()]
    ended = {event["job"]["name"]: event for event in events if event["eventType"] == "COMPLETE"}

    wrote = ended["retraced.user_days"]
    assert [dataset["name"] for dataset in wrote["inputs"]] == ["AwsDataCatalog.retraced.user_login_locations"]
    (days,) = wrote["outputs"]
    assert (days["namespace"], days["name"]) == (NAMESPACE, "AwsDataCatalog.retraced.user_days")
    types = {field["name"]: field["type"] for field in days["facets"]["schema"]["fields"]}
    assert (types["day"], types["month"]) == ("date", "string")
    of_day = days["facets"]["columnLineage"]["fields"]["day"]["inputFields"]
    assert [(field["name"].rpartition(".")[2], field["field"]) for field in of_day] == [
        ("user_login_locations", "login_at")
    ]
    assert wrote["run"]["facets"]["externalQuery"]["source"] == "awsathena"

    converted = [event for event in events if event["job"]["name"] == "retraced.convert" and event["outputs"]]
    assert {(event["inputs"][0]["name"], event["outputs"][0]["name"]) for event in converted} == {
        (f"retraced/{table}/2024-01-31.csv", f"AwsDataCatalog.retraced.{table}")
        for table in ("user_companies", "user_login_locations")
    }
    published = {dataset["name"].rpartition(".")[2] for dataset in ended["retraced.publish"]["outputs"]}
    assert published == {"user_days", "activity", "memberships"}
