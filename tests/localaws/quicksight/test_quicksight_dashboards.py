from __future__ import annotations

import copy
import datetime as dt

import pytest

from localaws.core import AwsError, NotSupported

ARN = "arn:aws:quicksight:us-east-1:123456789012"


@pytest.fixture
def monthly(quicksight, tables):
    quicksight.data_set("monthly", tables["retraced-monthly"], quicksight.MONTHLY)
    return quicksight


def column(name="active_companies", identifier="m"):
    return {"DataSetIdentifier": identifier, "ColumnName": name}


def bar(month="month", value="active_companies", **options):
    wells = {
        "Category": [{"DateDimensionField": {"FieldId": "c", "Column": column(month), "DateGranularity": "MONTH"}}],
        "Values": [{"NumericalMeasureField": {"FieldId": "v", "Column": column(value)}}],
    }
    configuration = {"FieldWells": {"BarChartAggregatedFieldWells": wells}, **options}
    return {"BarChartVisual": {"VisualId": "b", "ChartConfiguration": configuration}}


def definition(*visuals, **more):
    return {
        "DataSetIdentifierDeclarations": [{"Identifier": "m", "DataSetArn": f"{ARN}:dataset/monthly"}],
        "Sheets": [{"SheetId": "s", "Name": "S", "Visuals": list(visuals) or [bar()]}],
        **more,
    }


def create(quicksight, given, name="d"):
    return quicksight.call("CreateDashboard", DashboardId=name, Name="D", Definition=given)


def version(quicksight, **which):
    return quicksight.call("DescribeDashboard", DashboardId="d", **which)["Dashboard"]["Version"]


def test_a_dashboard_is_created_and_kept(monthly):
    given = definition()
    answer = create(monthly, given)
    assert answer["VersionArn"] == f"{ARN}:dashboard/d/version/1"
    assert answer["CreationStatus"] == "CREATION_IN_PROGRESS"
    monthly.restarted()
    shown = version(monthly)
    assert (shown["Status"], shown["Errors"], shown["VersionNumber"]) == ("CREATION_SUCCESSFUL", [], 1)
    assert shown["Sheets"] == [{"SheetId": "s", "Name": "S"}]
    assert monthly.call("DescribeDashboardDefinition", DashboardId="d")["Definition"] == given
    with pytest.raises(AwsError, match="Dashboard d already exists"):
        create(monthly, given)


def test_times_in_a_definition_outlive_a_restart(monthly):
    at = dt.datetime(2024, 6, 1, tzinfo=dt.UTC)
    filters = [
        {
            "TimeRangeFilter": {
                "FilterId": "f",
                "Column": column("month"),
                "RangeMinimumValue": {"StaticValue": at},
                "IncludeMinimum": True,
                "NullOption": "NON_NULLS_ONLY",
            }
        }
    ]
    group = {
        "FilterGroupId": "g",
        "Filters": filters,
        "ScopeConfiguration": {"AllSheets": {}},
        "CrossDataset": "SINGLE_DATASET",
    }
    given = definition(FilterGroups=[group])
    create(monthly, given)
    monthly.restarted()
    assert monthly.call("DescribeDashboardDefinition", DashboardId="d")["Definition"] == given


def test_an_update_is_seen_once_it_is_published(monthly):
    create(monthly, definition())
    answer = monthly.call(
        "UpdateDashboard", DashboardId="d", Name="New", Definition=definition(bar(value="active_users"))
    )
    assert answer["VersionArn"] == f"{ARN}:dashboard/d/version/2"
    assert version(monthly)["VersionNumber"] == 1
    assert version(monthly, AliasName="$LATEST")["VersionNumber"] == 2
    assert version(monthly, VersionNumber=2)["VersionNumber"] == 2
    monthly.call("UpdateDashboardPublishedVersion", DashboardId="d", VersionNumber=2)
    assert version(monthly)["VersionNumber"] == 2
    listed = monthly.call("ListDashboardVersions", DashboardId="d")["DashboardVersionSummaryList"]
    assert [item["VersionNumber"] for item in listed] == [2, 1]
    with pytest.raises(AwsError, match="version 2 is the published one"):
        monthly.call("DeleteDashboard", DashboardId="d", VersionNumber=2)
    monthly.call("DeleteDashboard", DashboardId="d", VersionNumber=1)
    with pytest.raises(AwsError, match="DashboardVersion d/1 is not found"):
        version(monthly, VersionNumber=1)
    monthly.call("DeleteDashboard", DashboardId="d")
    assert monthly.call("ListDashboards")["DashboardSummaryList"] == []


@pytest.mark.parametrize(
    ("visual", "kind", "message"),
    [
        (bar(value="revenue"), "COLUMN_REPLACEMENT_MISSING", "column 'revenue' is not in data set monthly"),
        (
            bar(month="active_users"),
            "COLUMN_TYPE_MISMATCH",
            "'active_users' is a number column, but is used in a DateDimensionField",
        ),
    ],
)
def test_a_column_that_does_not_fit_fails_the_creation(monthly, visual, kind, message):
    create(monthly, definition(visual))
    shown = version(monthly)
    assert shown["Status"] == "CREATION_FAILED"
    (error,) = shown["Errors"]
    assert error["Type"] == kind
    assert error["Message"].endswith(message)
    assert error["ViolatedEntities"][0]["Path"].startswith("Sheets[0].Visuals[0].BarChartVisual.")
    assert monthly.page("dashboards/d").status == 409


def test_an_unknown_data_set_fails_the_creation(monthly):
    given = definition()
    given["DataSetIdentifierDeclarations"][0]["DataSetArn"] = f"{ARN}:dataset/nowhere"
    create(monthly, given)
    (error,) = version(monthly)["Errors"]
    assert error["Type"] == "DATA_SET_NOT_FOUND"
    assert error["Message"].endswith("data set nowhere of 'm' is not there")


def test_an_undeclared_identifier_fails_the_creation(monthly):
    given = definition()
    given["DataSetIdentifierDeclarations"] = []
    create(monthly, given)
    kinds = {error["Type"] for error in version(monthly)["Errors"]}
    assert kinds == {"DATA_SET_NOT_FOUND"}
    monthly.call("UpdateDashboard", DashboardId="d", Name="D", Definition=definition())
    with pytest.raises(AwsError, match="version 3 is in CREATION_FAILED"):
        monthly.call("UpdateDashboard", DashboardId="d", Name="D", Definition=given)
        monthly.call("UpdateDashboardPublishedVersion", DashboardId="d", VersionNumber=3)


def grid(*elements):
    return [{"Configuration": {"GridLayout": {"Elements": list(elements)}}}]


def element(name, **more):
    return {"ElementId": name, "ElementType": "VISUAL", "ColumnSpan": 18, "RowSpan": 12, **more}


def laid_out(*elements):
    given = definition()
    given["Sheets"][0]["Layouts"] = grid(*elements)
    return given


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            definition({"SankeyDiagramVisual": {"VisualId": "x"}}),
            "SankeyDiagramVisual is not drawn; drawn are BarChartVisual, LineChartVisual",
        ),
        (definition(bar(ReferenceLines=[{"Status": "ENABLED"}])), r"ChartConfiguration.ReferenceLines is not drawn"),
        (definition(bar(SmallMultiplesOptions={"MaxVisibleRows": 2})), r"SmallMultiplesOptions is not drawn"),
        (
            definition(bar(SortConfiguration={"CategoryItemsLimit": {"ItemsLimit": 5}})),
            "OtherCategories INCLUDE is not drawn; use EXCLUDE",
        ),
        (
            definition(CalculatedFields=[{"DataSetIdentifier": "m", "Name": "x", "Expression": "1"}]),
            "Definition.CalculatedFields is not drawn",
        ),
        (
            definition(ParameterDeclarations=[{"StringParameterDeclaration": {}}]),
            "Definition.ParameterDeclarations is not drawn",
        ),
        (definition(Options={"Timezone": "Europe/Berlin"}), "Timezone Europe/Berlin is not drawn; times are UTC"),
        (laid_out(element("b"), element("ghost")), "places 'ghost', which is not among the visuals"),
        (laid_out(), "has no place for the visual 'b'"),
        (laid_out(element("b", ColumnIndex=30)), "'b' reaches beyond the grid's 36 columns"),
        (definition(bar(), bar()), "the visual id 'b' is there twice"),
        ({**definition(), "Sheets": []}, "Sheets is empty"),
        (definition(bar(BarsArrangement="PILED")), "BarsArrangement PILED is not drawn; drawn is CLUSTERED or STACKED"),
        (
            definition(ColumnConfigurations=[{"Column": column(), "ColorsConfiguration": {"CustomColors": [{}]}}]),
            r"ColumnConfigurations\[0\].ColorsConfiguration is not drawn",
        ),
        (
            definition(
                ColumnConfigurations=[
                    {
                        "Column": column(),
                        "FormatConfiguration": {
                            "NumberFormatConfiguration": {
                                "FormatConfiguration": {"NumberDisplayFormatConfiguration": {"NumberScale": "LAKHS"}}
                            }
                        },
                    }
                ]
            ),
            "the scale LAKHS is not written here",
        ),
    ],
)
def test_what_would_not_be_drawn_is_refused(monthly, given, message):
    with pytest.raises(NotSupported, match=message):
        create(monthly, given)
    assert monthly.call("ListDashboards")["DashboardSummaryList"] == []


def measured(kind, function, name):
    visual = copy.deepcopy(bar())
    wells = visual["BarChartVisual"]["ChartConfiguration"]["FieldWells"]["BarChartAggregatedFieldWells"]
    wells["Values"] = [
        {f"{kind}MeasureField": {"FieldId": "v", "Column": column(name), "AggregationFunction": function}}
    ]
    return visual


@pytest.mark.parametrize(
    ("visual", "message"),
    [
        (measured("Date", "MAX", "month"), "the date 'v' is no amount; it is shown in tables and plain KPIs"),
        (measured("Date", "SUM", "month"), "the aggregation SUM of a date column is not done here"),
        (
            measured("Numerical", {"PercentileAggregation": {"PercentileValue": 90}}, "active_users"),
            "PercentileAggregation.* of a number column is not done here",
        ),
    ],
)
def test_aggregations_that_make_no_amount_are_refused(monthly, visual, message):
    with pytest.raises(NotSupported, match=message):
        create(monthly, definition(visual))


def plain_table(sort):
    fields = [{"FieldId": name, "Column": column(name)} for name in ("month", "active_users")]
    wells = {"TableUnaggregatedFieldWells": {"Values": fields}}
    configuration = {"FieldWells": wells, "SortConfiguration": {"RowSort": [{"ColumnSort": sort}]}}
    return {"TableVisual": {"VisualId": "t", "ChartConfiguration": configuration}}


def test_plain_rows_are_sorted_by_a_column_that_is_not_shown(monthly):
    sort = {"SortBy": column("potential_companies"), "Direction": "DESC"}
    create(monthly, definition(plain_table(sort)))
    body = monthly.page("dashboards/d").body.decode()
    assert body.index("1 Dec 2025") < body.index("1 Nov 2025") < body.index("1 Jan 2024")


def test_a_sort_by_the_column_of_the_category_is_a_sort_of_the_category(monthly):
    sort = {"CategorySort": [{"ColumnSort": {"SortBy": column("month"), "Direction": "DESC"}}]}
    create(monthly, definition(bar(SortConfiguration=sort)))
    body = monthly.page("dashboards/d").body.decode()
    assert body.index("December 2025") < body.index("November 2025")


def test_a_template_is_refused(monthly):
    with pytest.raises(NotSupported, match="SourceEntity"):
        monthly.call("CreateDashboard", DashboardId="d", Name="D", SourceEntity={"SourceTemplate": {}})


def test_an_unknown_date_format_is_refused(monthly):
    visual = copy.deepcopy(bar())
    wells = visual["BarChartVisual"]["ChartConfiguration"]["FieldWells"]["BarChartAggregatedFieldWells"]
    wells["Category"][0]["DateDimensionField"]["FormatConfiguration"] = {"DateTimeFormat": "YYYY GG"}
    with pytest.raises(NotSupported, match="DateTimeFormat 'YYYY GG' has 'GG'; known here are"):
        create(monthly, definition(visual))


def test_permissions_are_granted_and_revoked(monthly):
    create(monthly, definition())
    ada = "arn:aws:quicksight:us-east-1:123456789012:user/default/ada"
    both = ["quicksight:DescribeDashboard", "quicksight:QueryDashboard"]
    monthly.call("UpdateDashboardPermissions", DashboardId="d", GrantPermissions=[{"Principal": ada, "Actions": both}])
    answer = monthly.call(
        "UpdateDashboardPermissions", DashboardId="d", RevokePermissions=[{"Principal": ada, "Actions": both[:1]}]
    )
    assert answer["Permissions"] == [{"Principal": ada, "Actions": both[1:]}]
    assert monthly.call("DescribeDashboardPermissions", DashboardId="d")["Permissions"] == answer["Permissions"]


def test_permissions_of_data_sets_and_sources_are_kept(monthly):
    ada = "arn:aws:quicksight:us-east-1:123456789012:user/default/ada"
    grant = [{"Principal": ada, "Actions": ["quicksight:DescribeDataSet"]}]
    monthly.call("UpdateDataSetPermissions", DataSetId="monthly", GrantPermissions=grant)
    assert monthly.call("DescribeDataSetPermissions", DataSetId="monthly")["Permissions"] == grant
    assert monthly.call("DescribeDataSourcePermissions", DataSourceId="athena")["Permissions"] == []
    assert "Permissions" not in monthly.call("DescribeDataSet", DataSetId="monthly")["DataSet"]


def test_tags_are_kept_with_what_they_tag(monthly):
    given = [{"Key": "pipeline", "Value": "retraced"}, {"Key": "owner", "Value": "data"}]
    monthly.call("CreateDashboard", DashboardId="d", Name="D", Definition=definition(), Tags=given)
    name = f"{ARN}:dashboard/d"
    monthly.call("TagResource", ResourceArn=name, Tags=[{"Key": "owner", "Value": "growth"}])
    monthly.call("UntagResource", ResourceArn=name, TagKeys=["pipeline"])
    monthly.restarted()
    assert monthly.call("ListTagsForResource", ResourceArn=name)["Tags"] == [{"Key": "owner", "Value": "growth"}]
    assert monthly.call("ListTagsForResource", ResourceArn=f"{ARN}:dataset/monthly")["Tags"] == []
    with pytest.raises(AwsError, match="Dashboard no is not found"):
        monthly.call("ListTagsForResource", ResourceArn=f"{ARN}:dashboard/no")
    with pytest.raises(AwsError, match="What has tags here is a Dashboard, DataSet, DataSource"):
        monthly.call("ListTagsForResource", ResourceArn=f"{ARN}:theme/x")
