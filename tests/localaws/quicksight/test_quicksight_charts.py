from __future__ import annotations

import datetime as dt
from itertools import pairwise

import pytest
import vl_convert

from localaws.quicksight.aggregate import Data
from localaws.quicksight.model import Field, Visual
from localaws.quicksight.series import points
from localaws.quicksight.theme import CARD, INK, PALETTE, QUIET, config
from localaws.quicksight.vega import Undrawable, chart, sparkline

MONTH = Field("c", "s", "month", "date", granularity="MONTH", label="Month")
TEAM = Field("t", "s", "team", "text", label="Team")
USERS = Field("u", "s", "users", "number", aggregation="SUM", label="Users")
COMPANIES = Field("k", "s", "companies", "number", aggregation="SUM", label="Companies")
JANUARY, MARCH = dt.datetime(2024, 1, 1), dt.datetime(2024, 3, 1)
EPOCHS = [1704067200000, 1706745600000, 1709251200000]


def visual(kind="bar", groups=(MONTH,), values=(USERS,), **more):
    usual = {"title": "T", "subtitle": "", "description": "", "color": None, "lines": (), "sort": (), "limit": None}
    return Visual(id="v", kind=kind, groups=groups, values=values, **{**usual, "options": {}, **more})


def data(*rows, colors=()):
    return Data(list(rows), sorted({row[0] for row in rows}), list(colors), False)


TWO = data((JANUARY, 1000), (MARCH, 2500))


def svg(spec):
    """The chart as vl-convert draws it: raises if the specification is not one."""
    return vl_convert.vegalite_to_svg({**spec, "width": 600, "height": 300}, config=config("light"))


def test_points_carry_values_and_texts():
    assert points(visual(), TWO, (USERS,)) == [
        {"x": EPOCHS[0], "xt": "January 2024", "s": "Users", "n": 0, "y": 1000, "t0": "1,000"},
        {"x": EPOCHS[2], "xt": "March 2024", "s": "Users", "n": 0, "y": 2500, "t0": "2,500"},
    ]


def test_points_of_colours_know_all_series_at_their_place():
    rows = data((JANUARY, "a", 1), (JANUARY, "b", 2), (MARCH, "b", 3), colors=["a", "b"])
    made = points(visual(color=TEAM), rows, (USERS,))
    assert [(point["s"], point["y"], point["t0"], point["t1"]) for point in made] == [
        ("a", 1, "1", "2"),
        ("b", 2, "1", "2"),
        ("b", 3, "", "3"),
    ]


def test_a_month_without_a_row_keeps_its_place_among_bars():
    spec = chart(visual(options={"Orientation": "VERTICAL"}), TWO)
    encoding = spec["layer"][0]["encoding"]
    assert encoding["x"]["scale"]["domain"] == EPOCHS
    drawn = svg(spec)
    assert drawn.count('aria-roledescription="bar"') == 2
    for label in (">Jan<", ">Feb<", ">Mar<", ">2024<"):
        assert label in drawn


def test_missing_months_are_left_out_where_the_definition_says_so():
    options = {
        "Orientation": "VERTICAL",
        "CategoryAxis": {"DataOptions": {"DateAxisOptions": {"MissingDateVisibility": "HIDDEN"}}},
    }
    encoding = chart(visual(options=options), TWO)["layer"][0]["encoding"]
    assert encoding["x"]["scale"]["domain"] == [EPOCHS[0], EPOCHS[2]]


def test_minutes_have_their_time_and_the_first_of_them_its_day():
    minute = Field("c", "s", "minute", "date", granularity="MINUTE", label="Minute")
    minutes = [dt.datetime(2025, 6, 1, 0, 40) + dt.timedelta(minutes=number) for number in range(20)]
    drawn = svg(chart(visual(kind="line", groups=(minute,)), Data([(at, 1) for at in minutes], minutes, [], False)))
    assert ">00:40<" in drawn and drawn.count(">1 Jun<") == 1
    two = svg(
        chart(visual(kind="line", groups=(minute,)), Data([(at, 1) for at in minutes[:2]], minutes[:2], [], False))
    )
    assert two.count(">00:40<") == two.count(">00:41<") == 1


@pytest.mark.parametrize(("days", "points"), [([JANUARY], 1), ([JANUARY, MARCH], 0)])
def test_a_line_with_one_point_is_a_point(days, points):
    rows = Data([(day, 1) for day in days], days, [], False)
    lines = chart(visual(kind="line"), rows)["layer"][0]
    assert (
        svg(lines | {"data": chart(visual(kind="line"), rows)["data"]}).count('aria-roledescription="point"') == points
    )


def test_rows_without_a_date_stand_last_among_bars_and_not_on_an_axis_of_time():
    rows = Data([(JANUARY, 1), (MARCH, 2), (None, 3)], [JANUARY, MARCH, None], [], False)
    spec = chart(visual(options={"Orientation": "VERTICAL"}), rows)
    assert spec["layer"][0]["encoding"]["x"]["scale"]["domain"] == [*EPOCHS, "–"]
    assert ">–<" in svg(spec)
    lines = chart(visual("line"), rows)
    assert [row["x"] for row in lines["data"]["values"]] == [EPOCHS[0], EPOCHS[2]]


def test_a_value_that_is_no_number_has_no_bar():
    rows = data((JANUARY, float("nan")), (MARCH, float("inf")))
    assert [(point["y"], point["t0"]) for point in points(visual(), rows, (USERS,))] == [(None, "nan"), (None, "inf")]


@pytest.mark.parametrize(
    ("arrangement", "stack", "offset"),
    [("CLUSTERED", None, True), ("STACKED", "zero", False), ("STACKED_PERCENT", "normalize", False)],
)
def test_bars_are_arranged(arrangement, stack, offset):
    rows = data((JANUARY, 1, 2), (MARCH, 3, 4))
    options = {"Orientation": "VERTICAL", "BarsArrangement": arrangement}
    spec = chart(visual(values=(USERS, COMPANIES), options=options), rows)
    encoding = spec["layer"][0]["encoding"]
    assert encoding["y"]["stack"] == stack
    assert ("xOffset" in encoding) is offset
    assert encoding["color"]["scale"]["domain"] == ["Users", "Companies"]
    assert encoding["color"]["scale"]["range"] == list(PALETTE[:2])
    assert svg(spec).count('aria-roledescription="bar"') == 4


def test_bars_lie_unless_told_to_stand():
    rows = Data([("a", 2), ("b", 1)], ["a", "b"], [], False)
    encoding = chart(visual(groups=(TEAM,)), rows)["layer"][0]["encoding"]
    assert (encoding["y"]["type"], encoding["x"]["type"]) == ("ordinal", "quantitative")


def test_colours_of_the_definition_are_used():
    by_field = [{"Element": {"FieldId": "k"}, "Color": "#112233"}]
    options = {"VisualPalette": {"ChartColor": "#445566", "ColorMap": by_field}}
    rows = data((JANUARY, 1, 2))
    colors = chart(visual(values=(USERS, COMPANIES), options=options), rows)["layer"][0]["encoding"]["color"]
    assert colors["scale"]["range"] == [PALETTE[0], "#112233"]
    assert chart(visual(options=options), TWO)["layer"][0]["encoding"]["color"] == {"value": "#445566"}


@pytest.mark.parametrize("kind", ["LINE", "AREA", "STACKED_AREA"])
def test_lines_and_areas_are_drawn(kind):
    rows = data((JANUARY, 1, 2), (MARCH, 3, 4))
    spec = chart(visual("line", values=(USERS, COMPANIES), options={"Type": kind}), rows)
    assert spec["layer"][0]["mark"]["type"] == ("line" if kind == "LINE" else "area")
    assert spec["layer"][0]["encoding"]["y"]["stack"] == ("zero" if kind == "STACKED_AREA" else None)
    assert "Companies" in svg(spec)


def test_a_combination_has_an_axis_for_its_lines():
    rows = data((JANUARY, 1, 2000), (MARCH, 3, 4000))
    spec = chart(visual("combo", lines=(COMPANIES,)), rows)
    assert spec["resolve"] == {"scale": {"y": "independent"}}
    assert ">4,000<" in svg(spec)
    single = chart(visual("combo", lines=(COMPANIES,), options={"SingleAxisOptions": {}}), rows)
    assert single["resolve"] == {"scale": {"y": "shared"}}


def test_a_pie_shows_shares():
    rows = Data([("a", 3), ("b", 1)], ["a", "b"], [], False)
    spec = chart(visual("pie", groups=(TEAM,)), rows)
    assert [(row["s"], row["share"]) for row in spec["data"]["values"]] == [("a", "75.0%"), ("b", "25.0%")]
    assert svg(spec).count('aria-roledescription="arc mark"') == 2


def test_the_axis_of_amounts_begins_where_the_definition_says():
    numeric = {"NumericAxisOptions": {"Range": {"MinMax": {"Minimum": 500, "Maximum": 3000}}}}
    options = {"Orientation": "VERTICAL", "ValueAxis": {"DataOptions": numeric}}
    scale = chart(visual(options=options), TWO)["layer"][0]["encoding"]["y"]["scale"]
    assert (scale["domainMin"], scale["domainMax"], scale["zero"]) == (500, 3000, False)


def test_categories_that_look_alike_are_not_drawn_as_one():
    whole = {"DecimalPlacesConfiguration": {"DecimalPlaces": 0}}
    rounded = {"FormatConfiguration": {"NumberDisplayFormatConfiguration": whole}}
    price = Field("p", "s", "price", "number", format=rounded, label="Price")
    rows = Data([(1.1, 5), (1.2, 6)], [1.1, 1.2], [], False)
    with pytest.raises(Undrawable, match="Some values of Price look alike in its format"):
        chart(visual(groups=(price,)), rows)


def test_too_many_series_are_not_drawn():
    rows = Data([(JANUARY, str(n), n) for n in range(31)], [JANUARY], [str(n) for n in range(31)], False)
    with pytest.raises(Undrawable, match="The colour has 31 values; at most 30 can be told apart"):
        chart(visual(color=TEAM), rows)


@pytest.mark.parametrize("kind", ["bar", "line", "pie", "combo"])
def test_names_and_values_are_data_not_expressions(kind):
    evil = "'+alert(1)+'\u2028\""
    field = Field("u", "s", evil, "number", aggregation="SUM", label=evil)
    text = Field("t", "s", "team", "text", label=evil)
    lines = (field,) if kind == "combo" else ()
    rows = Data([(evil, 1, 2)[: 2 + len(lines)]], [evil], [], False)
    spec = chart(visual(kind, groups=(text,), values=(field,), lines=lines, title=evil), rows)
    compiled = vl_convert.vegalite_to_vega({**spec, "width": 600, "height": 300})
    assert compiled["usermeta"]["tooltip"][:2] == [evil, evil]

    def expressions(value, inside=False):
        if isinstance(value, dict):
            for key, inner in value.items():
                yield from expressions(inner, key in ("signal", "expr", "test", "update", "init"))
        elif isinstance(value, list):
            for inner in value:
                yield from expressions(inner, inside)
        elif inside:
            yield str(value)

    found = list(expressions(compiled))
    assert found
    assert not [text for text in found if "alert" in text]
    assert svg(spec)


def test_a_sparkline_is_drawn():
    rows = [(JANUARY, 1), (MARCH, 2)]
    drawn = svg(sparkline(MONTH, USERS, rows, {"Type": "AREA", "Color": "#123456"}))
    assert "#123456" in drawn


@pytest.mark.parametrize("months", [1, 6, 24, 60, 120, 300])
@pytest.mark.parametrize("width", [300, 900])
def test_labels_of_months_never_overlap(months, width):
    values = [dt.datetime(2010 + n // 12, n % 12 + 1, 1) for n in range(months)]
    rows = Data([(value, 5) for value in values], values, [], False)
    spec = {**chart(visual(options={"Orientation": "VERTICAL"}), rows), "width": width, "height": 200}
    scene = vl_convert.vegalite_to_scenegraph(spec, config=config("light"))["scenegraph"]
    labels = sorted(item["x"] for item in texts(scene, "role", "axis-label") if item.get("align") == "center")
    gaps = [after - before for before, after in pairwise(labels)]
    assert labels
    assert min(gaps, default=99) >= 26


def texts(node, key, value, inside=False):
    """The text items of the scene graph's marks with a role."""
    if isinstance(node, dict):
        inside = inside or node.get(key) == value
        if inside and any(node.get("text") or []):
            yield node
        for inner in node.values():
            yield from texts(inner, key, value, inside)
    elif isinstance(node, list):
        for inner in node:
            yield from texts(inner, key, value, inside)


def contrast(one, other):
    """The contrast ratio of two colours, by WCAG 2."""

    def luminance(color):
        parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("color", PALETTE)
def test_colours_stand_out_in_light_and_in_dark(color):
    assert contrast(color, CARD["light"]) >= 3
    assert contrast(color, CARD["dark"]) >= 3


def test_text_is_readable_in_light_and_in_dark():
    for mode in ("light", "dark"):
        assert contrast(INK[mode], CARD[mode]) >= 7
        assert contrast(QUIET[mode], CARD[mode]) >= 4.5
