"""The dashboard of the pipeline retraced: valid for the QuickSight API, and only about columns that are there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import botocore.session
import botocore.validate
import pytest

from millrace import resources

ROOT = Path(__file__).parents[2]
ACCOUNT = "123456789012"


@pytest.fixture(scope="module")
def document():
    return json.loads((ROOT / "dashboards" / "retraced.json").read_text())


def columns_in(value):
    """Every (identifier, column) that a part of the definition names."""
    if isinstance(value, dict):
        if value.keys() == {"DataSetIdentifier", "ColumnName"}:
            yield value["DataSetIdentifier"], value["ColumnName"]
        for inner in value.values():
            yield from columns_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from columns_in(inner)


def visuals_of(document):
    for sheet in document["Definition"]["Sheets"]:
        for visual in sheet["Visuals"]:
            yield next(iter(visual.items()))


def test_the_definition_is_what_the_api_takes(document):
    text = json.dumps(document["Definition"])
    text = re.sub(r"\$\{dataset_arn:([\w-]+)\}", rf"arn:aws:quicksight:us-east-1:{ACCOUNT}:dataset/\1", text)
    assert "${" not in text
    shape = botocore.session.get_session().get_service_model("quicksight").operation_model("CreateDashboard")
    params = {
        "AwsAccountId": ACCOUNT,
        "DashboardId": document["DashboardId"],
        "Name": document["Name"],
        "Definition": json.loads(text),
    }
    report = botocore.validate.ParamValidator().validate(params, shape.input_shape)
    assert not report.has_errors(), report.generate_report()


def test_every_column_is_in_its_data_set(document):
    columns = {item.id: item.columns for item in resources.pipeline("retraced").data_sets}
    declared = {
        item["Identifier"]: re.fullmatch(r"\$\{dataset_arn:([\w-]+)\}", item["DataSetArn"])[1]
        for item in document["Definition"]["DataSetIdentifierDeclarations"]
    }
    named = set(columns_in(document["Definition"]["Sheets"]))
    assert named == {
        ("monthly", "month"),
        ("monthly", "activated_users"),
        ("monthly", "active_users"),
        ("monthly", "activated_companies"),
        ("monthly", "active_companies"),
        ("monthly", "potential_companies"),
        ("daily", "day"),
        ("daily", "active_users"),
        ("daily", "active_companies"),
    }
    for identifier, column in named:
        assert column in columns[declared[identifier]], (identifier, column)


def test_the_queries_give_the_columns_of_the_data_sets():
    pipeline = resources.pipeline("retraced")
    for item in pipeline.data_sets:
        sql = pipeline.query(item.query)
        last = sql[sql.rindex("\nSELECT") :]
        for column in item.columns:
            assert re.search(rf"\b{column}\b", last), f"{item.query}.sql gives no {column}"


def test_the_bar_chart_of_active_companies_is_first_and_largest(document):
    sheet = document["Definition"]["Sheets"][0]
    kind, first = next(iter(sheet["Visuals"][0].items()))
    assert (kind, first["VisualId"]) == ("BarChartVisual", "active-companies")
    places = sheet["Layouts"][0]["Configuration"]["GridLayout"]["Elements"]
    sizes = {place["ElementId"]: place["ColumnSpan"] * place["RowSpan"] for place in places}
    assert max(sizes, key=sizes.get) == "active-companies"
    assert (places[0]["RowIndex"], places[0]["ColumnIndex"]) == (0, 0)


def test_ids_are_unique_and_every_visual_has_a_place(document):
    names = [body["VisualId"] for _, body in visuals_of(document)]
    assert len(names) == len(set(names))
    for sheet in document["Definition"]["Sheets"]:
        placed = [item["ElementId"] for item in sheet["Layouts"][0]["Configuration"]["GridLayout"]["Elements"]]
        assert placed == [next(iter(visual.values()))["VisualId"] for visual in sheet["Visuals"]]


def test_every_chart_has_a_title_and_a_description_for_those_who_cannot_see_it(document):
    for kind, body in visuals_of(document):
        assert body["Title"]["FormatText"]["PlainText"]
        assert kind in ("KPIVisual", "TableVisual") or body["VisualContentAltText"]
