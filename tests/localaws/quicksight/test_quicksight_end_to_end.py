"""The whole way over HTTP: Parquet in S3, a table, a data set, an ingestion, a dashboard, its page and its picture."""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest

ACCOUNT = "123456789012"
ARN = f"arn:aws:quicksight:us-east-1:{ACCOUNT}"


def get(url):
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


def test_an_ingestion_takes_the_rows_that_athena_gives(client, deployed, ended_of):
    quicksight = client("quicksight")
    names = {"AwsAccountId": ACCOUNT, "DataSetId": "e2e-retraced-monthly"}
    started = quicksight.create_ingestion(**names, IngestionId="20240115T000000-1")
    assert (started["IngestionStatus"], started["Status"]) == ("INITIALIZED", 201)
    record = ended_of(client, "e2e-retraced-monthly", "20240115T000000-1")
    assert record["IngestionStatus"] == "COMPLETED"
    assert record["RowInfo"] == {"RowsIngested": 24, "RowsDropped": 0, "TotalRowsInDataset": 24}
    with pytest.raises(quicksight.exceptions.ResourceExistsException, match="20240115T000000-1 already exists"):
        quicksight.create_ingestion(**names, IngestionId="20240115T000000-1")


def test_a_relational_table_is_read(client, deployed, ended_of):
    quicksight = client("quicksight")
    made = quicksight.create_data_set(
        AwsAccountId=ACCOUNT,
        DataSetId="e2e-relational",
        Name="Relational",
        ImportMode="SPICE",
        PhysicalTableMap={
            "main": {
                "RelationalTable": {
                    "DataSourceArn": f"{ARN}:datasource/e2e-athena",
                    "Catalog": "AwsDataCatalog",
                    "Schema": "quicksight_e2e",
                    "Name": "retraced_daily",
                    "InputColumns": [{"Name": "day", "Type": "DATETIME"}, {"Name": "active_users", "Type": "INTEGER"}],
                }
            }
        },
    )
    assert ended_of(client, "e2e-relational", made["IngestionId"])["RowInfo"]["RowsIngested"] == 600


def test_the_deployed_definition_comes_back_as_it_was_given(client, deployed):
    quicksight = client("quicksight")
    dashboard = quicksight.describe_dashboard(AwsAccountId=ACCOUNT, DashboardId="e2e")["Dashboard"]
    assert dashboard["Version"]["Status"] == "CREATION_SUCCESSFUL"
    assert dashboard["Version"]["DataSetArns"] == [
        f"{ARN}:dataset/e2e-retraced-monthly",
        f"{ARN}:dataset/e2e-retraced-daily",
    ]
    answer = quicksight.describe_dashboard_definition(AwsAccountId=ACCOUNT, DashboardId="e2e")
    assert answer["Definition"] == deployed
    listed = quicksight.list_dashboards(AwsAccountId=ACCOUNT)["DashboardSummaryList"]
    assert ("e2e", 1) in [(item["DashboardId"], item["PublishedVersionNumber"]) for item in listed]


def test_the_page_the_file_and_the_picture_are_served(aws, deployed):
    base = f"{aws.endpoint}/_localaws/quicksight"
    status, headers, body = get(f"{base}/dashboards/e2e")
    assert status == 200
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'; ")
    assert b"Active companies by month" in body
    assert b"24 rows, refreshed" in body
    status, headers, body = get(f"{base}/dashboards/e2e.png")
    assert (status, headers["Content-Type"], body[:8]) == (200, "image/png", b"\x89PNG\r\n\x1a\n")
    status, _, body = get(f"{base}/dashboards/e2e.html")
    assert status == 200
    assert b"<script src" not in body
    status, _, body = get(f"{base}/")
    assert b'<a href="/_localaws/quicksight/dashboards/e2e">' in body


def test_an_embed_url_opens_the_page_once(client, deployed):
    answer = client("quicksight").generate_embed_url_for_anonymous_user(
        AwsAccountId=ACCOUNT,
        Namespace="default",
        AuthorizedResourceArns=[f"{ARN}:dashboard/e2e"],
        ExperienceConfiguration={"Dashboard": {"InitialDashboardId": "e2e"}},
        AllowedDomains=["https://portal.example.org"],
    )
    status, headers, _ = get(answer["EmbedUrl"])
    assert status == 200
    assert headers["Content-Security-Policy"].endswith("; frame-ancestors https://portal.example.org")
    status, _, body = get(answer["EmbedUrl"])
    assert status == 403
    assert b"opens one dashboard once, within five minutes" in body


def test_a_failed_query_fails_the_ingestion_with_its_reason(client, deployed, ended_of):
    quicksight = client("quicksight")
    made = quicksight.create_data_set(
        AwsAccountId=ACCOUNT,
        DataSetId="e2e-missing",
        Name="Missing",
        ImportMode="SPICE",
        PhysicalTableMap={
            "main": {
                "CustomSql": {
                    "DataSourceArn": f"{ARN}:datasource/e2e-athena",
                    "Name": "missing",
                    "SqlQuery": "SELECT day FROM quicksight_e2e.nowhere",
                    "Columns": [{"Name": "day", "Type": "DATETIME"}],
                }
            }
        },
    )
    record = ended_of(client, "e2e-missing", made["IngestionId"])
    assert record["IngestionStatus"] == "FAILED"
    assert record["ErrorInfo"]["Type"] == "SQL_TABLE_NOT_FOUND"
    assert "nowhere" in record["ErrorInfo"]["Message"]
