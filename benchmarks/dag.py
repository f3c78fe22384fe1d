"""The DAG's own overhead: the whole of ``retraced`` on a small day, first and again in one Airflow process.

The peer is the work itself: the same calls of Lambda, Glue, Athena and QuickSight, made by a plain script one after
another on the same embedded AWS.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2

from millrace import loads
from millrace.local import BUCKET_PREFIX, STATE, Airflow, LocalAws
from millrace.provision import Provisioner
from millrace.resources import ROOT

SLUG = "retraced"
RAW = f"{BUCKET_PREFIX}-raw"


def main() -> None:
    STATE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=STATE) as name:
        folder = Path(name)
        with LocalAws(folder / "aws", folder / "aws.log") as aws:
            provisioner = Provisioner(aws.client, BUCKET_PREFIX, STATE / "packages")
            provisioner.common()
            provisioner.pipeline(SLUG)
            with Airflow(SLUG, aws, folder / "airflow", folder / "airflow.log") as airflow:
                started = time.monotonic()
                airflow.wait_ready()
                print(f"Airflow ready after {time.monotonic() - started:.1f} s")
                seconds = [_run(airflow, aws, day) for day in ("2024-02-01", "2024-02-02", "2024-02-03")]
            plain = [_plain(aws, day) for day in ("2024-02-04", "2024-02-05")]
    print(f"first run {seconds[0]:.2f} s, later {min(seconds[1:]):.2f} s")
    print(f"the same calls by a plain script: {min(plain):.2f} s; the DAG takes {min(seconds[1:]) / min(plain):.1f} ×")


def _upload(aws: LocalAws, day: str) -> None:
    s3 = aws.client("s3")
    companies = f"user_id,company_id,accepted_at\nu{day},acme,{day}T01:00:00Z\n"
    logins = f"user_id,company_id,login_at\nu{day},acme,{day}T02:00:00Z\n"
    s3.put_object(Bucket=RAW, Key=f"{SLUG}/user_companies/{day}.csv", Body=companies.encode())
    s3.put_object(Bucket=RAW, Key=f"{SLUG}/user_login_locations/{day}.csv", Body=logins.encode())


def _run(airflow: Airflow, aws: LocalAws, day: str) -> float:
    _upload(aws, day)
    result = airflow.run({"logical_date": f"{day}T06:00:00Z", "date": day}, lambda event: None)
    assert result["result"] == "success", result
    return float(result["seconds"])


def _plain(aws: LocalAws, day: str) -> float:
    _upload(aws, day)
    names = ("s3", "lambda", "glue", "athena", "quicksight")
    s3, functions, glue, athena, quicksight = (aws.client(name) for name in names)
    templates = jinja2.Environment(loader=jinja2.FileSystemLoader(ROOT / "sql"))
    started = time.monotonic()

    def invoke(name: str, payload: str) -> str:
        answer = functions.invoke(FunctionName=name, Payload=payload)
        assert "FunctionError" not in answer, answer["Payload"].read()
        return str(answer["Payload"].read().decode())

    def query(name: str, **params: Any) -> str:
        ti = SimpleNamespace(map_index=0, try_number=1)
        sql = templates.get_template(f"{SLUG}/{name}.sql").render(params=params, ti=ti)
        execution = str(
            athena.start_query_execution(
                QueryString=sql, QueryExecutionContext={"Database": SLUG}, WorkGroup="millrace"
            )["QueryExecutionId"]
        )
        while True:
            status = athena.get_query_execution(QueryExecutionId=execution)["QueryExecution"]["Status"]
            if status["State"] not in ("QUEUED", "RUNNING"):
                assert status["State"] == "SUCCEEDED", status
                return execution
            time.sleep(0.01)

    pending = loads.pending(s3, BUCKET_PREFIX, SLUG, upto=day)
    answers = [invoke("csv_to_parquet", payload) for payload in loads.payloads(SLUG, RAW, pending)]
    load = loads.reconcile(s3, BUCKET_PREFIX, SLUG, answers)
    build = {"upload_dates": load["upload_dates"], "rebuild": False, "part": load["published"]}
    build |= {"build": f"plain-{day}", "final_bucket": f"{BUCKET_PREFIX}-final"}
    glue.start_crawler(Name=SLUG)
    while glue.get_crawler(Name=SLUG)["Crawler"]["State"] != "READY":
        time.sleep(0.01)
    rows = athena.get_query_results(QueryExecutionId=query("touched_months", **build))["ResultSet"]["Rows"][1:]
    months = [row["Data"][0]["VarCharValue"] for row in rows]
    tables = {"user_days": {"part": [str(load["published"])]}, "activity": {"month": months}, "memberships": None}
    event = {
        "pipeline": SLUG,
        "database": SLUG,
        "tables": [
            {"name": table, "statements": [query(table, **build, months=months)], "rebuilt": rebuilt}
            for table, rebuilt in tables.items()
        ],
        "uploads": load["uploads"],
    }
    invoke("publish", json.dumps({**event, "step": "catalogue"}))
    query("checks", **build, all_months=months)
    invoke("publish", json.dumps({**event, "step": "publish"}))
    for name in ("monthly", "daily"):
        query(name)
    account = aws.client("sts").get_caller_identity()["Account"]
    for data_set in (f"{SLUG}-monthly", f"{SLUG}-daily"):
        where = {"AwsAccountId": account, "DataSetId": data_set, "IngestionId": f"plain-{day}"}
        quicksight.create_ingestion(**where)
        while quicksight.describe_ingestion(**where)["Ingestion"]["IngestionStatus"] in (
            "QUEUED",
            "RUNNING",
            "INITIALIZED",
        ):
            time.sleep(0.01)
    return time.monotonic() - started


if __name__ == "__main__":
    main()
