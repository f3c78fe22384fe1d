from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import struct
import time
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from types import SimpleNamespace

import pyarrow as pa
import pytest

from localaws.core import AwsError
from localaws.quicksight import embedding, site

ARN = "arn:aws:quicksight:us-east-1:123456789012"
EVIL = "</script><img src=x onerror=alert(1)>'\"&\u2028"


class Page(HTMLParser):
    """The elements of a page, with their attributes, and the text of its scripts."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.scripts, self._script = [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._script = tag == "script"
        if self._script:
            self.scripts.append("")

    def handle_endtag(self, tag):
        self._script = False

    def handle_data(self, data):
        if self._script:
            self.scripts[-1] += data

    def named(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


@pytest.fixture
def evil(quicksight):
    """A dashboard whose every name, title and value tries to become markup."""
    table = pa.table({EVIL: [EVIL, "b"], "n": [1, 2]})
    quicksight.data_set("evil", table, {EVIL: "STRING", "n": "INTEGER"})
    place = {"DataSetIdentifier": "e", "ColumnName": EVIL}
    number = {"DataSetIdentifier": "e", "ColumnName": "n"}
    category = {"CategoricalDimensionField": {"FieldId": "c", "Column": place}}
    value = {"NumericalMeasureField": {"FieldId": "v", "Column": number}}
    text = {"FormatText": {"PlainText": EVIL}}
    about = {"Title": text, "Subtitle": text, "VisualContentAltText": EVIL}
    bars = {"FieldWells": {"BarChartAggregatedFieldWells": {"Category": [category], "Values": [value]}}}
    cells = {"FieldWells": {"TableAggregatedFieldWells": {"GroupBy": [category], "Values": [value]}}}
    visuals = [
        {"BarChartVisual": {"VisualId": "b", **about, "ChartConfiguration": bars}},
        {"TableVisual": {"VisualId": "t", "Title": text, "Subtitle": text, "ChartConfiguration": cells}},
        {
            "KPIVisual": {
                "VisualId": "k",
                "Title": text,
                "ChartConfiguration": {"FieldWells": {"Values": [value], "TrendGroups": [category]}},
            }
        },
    ]
    sheets = [
        {"SheetId": "s", "Name": EVIL, "Title": EVIL, "Description": EVIL, "Visuals": visuals},
        {"SheetId": "r", "Name": EVIL, "Visuals": []},
    ]
    definition = {
        "DataSetIdentifierDeclarations": [{"Identifier": "e", "DataSetArn": f"{ARN}:dataset/evil"}],
        "Sheets": sheets,
    }
    quicksight.call("CreateDashboard", DashboardId="evil", Name=EVIL, Definition=definition)
    return quicksight


@pytest.mark.parametrize("path", ["dashboards/evil", "dashboards/evil.html", ""])
def test_nothing_in_names_and_values_becomes_markup(evil, path):
    answer = evil.page(path)
    assert answer.status == 200
    text = answer.body.decode()
    page = Page(text)
    assert not page.named("img")
    assert not [attrs for _, attrs in page.elements for name in attrs if name.startswith("on") or name == "style"]
    assert html.escape(EVIL) in text
    for script in page.scripts[:1] if path else []:
        assert json.loads(script)["charts"]["0-0"]["data"]["values"][1]["xt"] == EVIL


def test_the_picture_is_well_formed_whatever_the_names_are(evil):
    answer = evil.page("dashboards/evil.svg")
    assert answer.headers["Content-Type"] == "image/svg+xml"
    tree = ET.fromstring(answer.body.decode())
    texts = ["".join(node.itertext()) for node in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert any(text.startswith("</script><img") for text in texts)
    names = [node.get("id") for node in tree.iter() if node.get("id")]
    assert len(names) == len(set(names)), "ids of different charts must not meet"


def test_the_picture_is_a_sharp_png(evil):
    body = evil.page("dashboards/evil.png").body
    assert body[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">I", body[16:20])[0] == 2560


def test_the_served_page_may_run_its_own_scripts_only(evil):
    answer = evil.page("dashboards/evil")
    policy = answer.headers["Content-Security-Policy"]
    page = Page(answer.body.decode())
    style = re.search(rb"<style>(.*?)</style>", answer.body, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style).digest()).decode()
    assert policy == (
        f"default-src 'none'; script-src 'self'; style-src 'self' 'sha256-{digest}'; img-src 'self' data:;"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'self' http://localhost:* http://127.0.0.1:*"
    )
    sources = [attrs["src"] for attrs in page.named("script") if "src" in attrs]
    assert [re.sub(r"-[0-9a-z.]+\.js$", "", source) for source in sources] == ["../assets/vega", "../assets/page"]
    for source in sources:
        asset = evil.page(source.removeprefix("../"))
        assert (asset.status, asset.headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")
        assert "immutable" in asset.headers["Cache-Control"]


def test_the_single_file_needs_nothing_else(evil):
    answer = evil.page("dashboards/evil.html")
    page = Page(answer.body.decode())
    assert not [attrs for attrs in page.named("script") if "src" in attrs]
    links = [attrs["href"] for attrs in page.named("link")]
    assert links == ["data:,"]
    (policy,) = [attrs["content"] for attrs in page.named("meta") if "http-equiv" in attrs]
    for script in page.scripts[1:]:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "'unsafe" not in policy


def test_a_page_without_rows_says_what_to_do(quicksight):
    quicksight.athena.tables["SELECT counts"] = AwsError("InvalidRequestException", "TABLE_NOT_FOUND: no such table")
    deploy(quicksight, ingest=False)
    body = quicksight.page("dashboards/d").body.decode()
    assert "counts: no rows yet" in body
    assert "The last ingestion of counts failed: TABLE_NOT_FOUND: no such table." in body
    assert "aws quicksight create-ingestion --data-set-id counts --ingestion-id first-rows" in body
    assert quicksight.page("dashboards/d.png").status == 200


def deploy(quicksight, ingest=True):
    columns = {"name": "STRING", "count": "INTEGER"}
    if ingest:
        quicksight.data_set("counts", pa.table({"name": ["a", "b", "c"], "count": [1, 2, 4]}), columns)
    else:
        made = quicksight.call(
            "CreateDataSet",
            DataSetId="counts",
            Name="counts",
            ImportMode="SPICE",
            **quicksight.physical("counts", columns),
        )
        quicksight.ended("counts", made["IngestionId"])
    count = {"DataSetIdentifier": "c", "ColumnName": "count"}
    wells = {"Values": [{"NumericalMeasureField": {"FieldId": "v", "Column": count}}]}
    definition = {
        "DataSetIdentifierDeclarations": [{"Identifier": "c", "DataSetArn": f"{ARN}:dataset/counts"}],
        "Sheets": [
            {"SheetId": "s", "Visuals": [{"KPIVisual": {"VisualId": "k", "ChartConfiguration": {"FieldWells": wells}}}]}
        ],
    }
    quicksight.call("CreateDashboard", DashboardId="d", Name="D", Definition=definition)


def test_the_page_shows_the_rows_that_were_ingested_last(quicksight):
    deploy(quicksight)
    assert '<span class="value">7</span>' in quicksight.page("dashboards/d").body.decode()
    quicksight.athena.tables["SELECT counts"] = pa.table({"name": ["a"], "count": [5000]})
    quicksight.call("CreateIngestion", DataSetId="counts", IngestionId="again")
    quicksight.ended("counts", "again")
    body = quicksight.page("dashboards/d").body.decode()
    assert '<span class="value">5,000</span>' in body
    assert "Counts: 1 row, refreshed <time datetime=" in body


@pytest.mark.parametrize(
    "path", ["dashboards/nowhere", "dashboards/../d", "assets/../engine.py", "assets/vega-0.js", "x"]
)
def test_what_is_not_there_is_said_to_be_missing(quicksight, path):
    answer = quicksight.page(path)
    assert answer.status == 404
    assert b"is not there" in answer.body


def embed(quicksight, operation="GetDashboardEmbedUrl", **params):
    given = {"DashboardId": "d", "IdentityType": "IAM"} if operation == "GetDashboardEmbedUrl" else {}
    url = quicksight.call(operation, **{**given, **params})["EmbedUrl"]
    path, code = re.fullmatch(
        r"http://127\.0\.0\.1:1/_localaws/quicksight/(embed/\w+)\?code=([\w-]+)&isauthcode=true", url
    ).groups()
    return lambda: quicksight.page(path, code=code).status


def test_an_embed_code_is_for_one_use(quicksight):
    deploy(quicksight)
    opened = embed(quicksight)
    assert [opened(), opened()] == [200, 403]
    assert quicksight.page("embed/d").status == 403
    assert quicksight.page("embed/d", code="guess").status == 403


def test_an_embedded_page_links_to_nothing_that_needs_another_code(quicksight):
    deploy(quicksight)
    url = quicksight.call("GetDashboardEmbedUrl", DashboardId="d", IdentityType="IAM")["EmbedUrl"]
    code = re.search(r"code=([\w-]+)", url)[1]
    assert [attrs["href"] for attrs in Page(quicksight.page("embed/d", code=code).body.decode()).named("a")] == [
        "#main"
    ]


def test_an_embed_code_is_for_one_dashboard(quicksight):
    deploy(quicksight)
    url = quicksight.call("GetDashboardEmbedUrl", DashboardId="d", IdentityType="IAM")["EmbedUrl"]
    code = re.search(r"code=([\w-]+)", url)[1]
    assert quicksight.page("embed/other", code=code).status == 403
    assert quicksight.page("embed/d", code=code).status == 200


def test_an_embed_code_ends_after_five_minutes(quicksight, monkeypatch):
    deploy(quicksight)
    opened = embed(quicksight)
    later = time.monotonic() + 301
    monkeypatch.setattr(embedding.time, "monotonic", lambda: later)
    assert opened() == 403


def test_embed_urls_for_registered_users_and_what_is_refused(quicksight):
    deploy(quicksight)
    user = f"{ARN}:user/default/ada"
    experience = {"Dashboard": {"InitialDashboardId": "d"}}
    given = {"UserArn": user, "ExperienceConfiguration": experience}
    with pytest.raises(AwsError, match="ada is not found") as caught:
        embed(quicksight, "GenerateEmbedUrlForRegisteredUser", **given)
    assert caught.value.code == "QuickSightUserNotFoundException"
    quicksight.call(
        "RegisterUser", Namespace="default", IdentityType="QUICKSIGHT", Email="a@b.c", UserRole="READER", UserName="ada"
    )
    assert embed(quicksight, "GenerateEmbedUrlForRegisteredUser", **given)() == 200
    with pytest.raises(AwsError, match="SessionLifetimeInMinutes is 5; it must be between 15 and 600"):
        embed(quicksight, SessionLifetimeInMinutes=5)
    with pytest.raises(AwsError, match="Dashboard no is not found"):
        embed(quicksight, DashboardId="no")
    with pytest.raises(AwsError, match="AuthorizedResourceArns does not name"):
        embed(
            quicksight,
            "GenerateEmbedUrlForAnonymousUser",
            Namespace="default",
            AuthorizedResourceArns=[],
            ExperienceConfiguration=experience,
        )
    with pytest.raises(AwsError, match="is not an origin such as https://example"):
        embed(quicksight, "GenerateEmbedUrlForRegisteredUser", **given, AllowedDomains=["*; script-src *"])


def test_the_scripts_are_made_once_for_all_servers(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(site._vega_converter, "javascript_bundle", lambda: made.append(1) or "vega")
    monkeypatch.setenv("LOCALAWS_CACHE", str(tmp_path / "cache"))
    sites = [site.Site(SimpleNamespace(root=tmp_path / name), None, None) for name in ("one", "two")]
    assert sites[0]._vega == sites[1]._vega and sites[0]._vega.read_text() == "vega"
    assert (made, sites[0]._vega.parent) == ([1], tmp_path / "cache")
    (tmp_path / "file").touch()
    monkeypatch.setenv("LOCALAWS_CACHE", str(tmp_path / "file"))  # a folder that cannot be made
    assert site.Site(SimpleNamespace(root=tmp_path / "three"), None, None)._vega.parent == tmp_path / "three" / "cache"
