"""The pages in headless Chromium: what is drawn, what is asked for, and what the keyboard and the pointer do."""

from __future__ import annotations

import json
import urllib.request
from urllib.parse import urlsplit

import pytest

BARS = "#cell-0-0 svg .mark-rect path"


@pytest.fixture
def page(aws, deployed):
    return f"{aws.endpoint}/_localaws/quicksight/dashboards/e2e"


def test_the_charts_are_drawn_without_errors_and_without_the_network(browser, aws, page):
    browser.open(page)
    assert browser.run(f"document.querySelectorAll({json.dumps(BARS)}).length") == 24
    stacked = "document.querySelectorAll('#cell-0-4 svg .mark-rect path').length"
    # The first month has no potential company: its bar of height zero is drawn too.
    assert browser.run(stacked) == 48
    assert browser.run("document.querySelectorAll('#cell-0-3 svg .mark-line path').length") == 2
    heights = browser.run(
        f"[...document.querySelectorAll({json.dumps(BARS)})].map(bar => bar.getBoundingClientRect().height)"
    )
    # The bars stand for 10, 11, 12 and so on.
    assert heights == pytest.approx([heights[0] * (10 + n) / 10 for n in range(24)], abs=1)
    assert browser.problems() == []
    assert {urlsplit(url).netloc for url in browser.requested() if not url.startswith("data:")} == {
        urlsplit(aws.endpoint).netloc
    }


def test_the_single_file_draws_the_same_without_a_server(browser, page, tmp_path):
    file = tmp_path / "retraced.html"
    with urllib.request.urlopen(f"{page}.html") as answer:
        file.write_bytes(answer.read())
    browser.open(file.as_uri())
    assert browser.run(f"document.querySelectorAll({json.dumps(BARS)}).length") == 24
    assert browser.problems() == []
    assert {url for url in browser.requested() if not url.startswith("data:")} == {file.as_uri()}


def test_pointing_at_a_bar_shows_its_numbers(browser, page):
    browser.open(page)
    browser.hover(BARS, 5)
    assert browser.until("document.querySelector('.tip:not([hidden])')?.innerText").split() == [
        *("June", "2024"),
        *("Active", "companies", "15"),
    ]


def test_pointing_at_lines_shows_all_of_them(browser, page):
    browser.open(page)
    browser.hover("#cell-0-3 svg .mark-line path", 0)
    words = browser.until("document.querySelector('.tip:not([hidden])')?.innerText").split()
    assert words[1] in ("2024", "2025")
    assert words[2:4] == ["Active", "users"]
    assert words[5:7] == ["Activated", "users"]
    assert int(words[7].replace(",", "")) > int(words[4].replace(",", "")) > 700


def test_tabs_are_moved_between_with_the_keyboard(browser, page):
    browser.open(page)
    browser.run("document.getElementById('tab-0').focus()")
    browser.key("ArrowRight")
    assert browser.run("document.activeElement.id") == "tab-1"
    assert browser.run("[...document.querySelectorAll('.sheet')].map(sheet => sheet.hidden)") == [True, False, True]
    assert browser.until("document.querySelectorAll('#cell-1-0 svg .mark-line path').length") == 1
    browser.key("End")
    assert browser.run("document.activeElement.innerText") == "Table"
    first = browser.run("document.querySelector('#cell-2-0 tbody tr').innerText")
    assert first.split("\t") == ["December 2025", "4,450", "2,200", "43", "33", "23"]


def test_a_chart_can_be_read_as_a_table(browser, page):
    browser.open(page)
    browser.run("document.querySelector('#cell-0-0 .toggle').click()")
    assert browser.run("document.querySelector('#cell-0-0 .toggle').getAttribute('aria-pressed')") == "true"
    assert browser.run("document.querySelector('#cell-0-0 .chart').hidden") is True
    rows = browser.run("[...document.querySelectorAll('#cell-0-0 tr')].map(row => row.innerText)")
    assert rows[:2] == ["Month\tActive companies", "January 2024\t10"]
    assert len(rows) == 25


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_one_column_without_scrolling_sideways(browser, page, scheme):
    browser.open(page, width=390, height=844, scheme=scheme)
    for tab in ("tab-0", "tab-1", "tab-2"):
        browser.run(f"document.getElementById('{tab}').click()")
        assert browser.run("document.documentElement.scrollWidth") == 390
    browser.run("document.getElementById('tab-0').click()")
    edges = browser.run("[...document.querySelectorAll('#sheet-0 .cell')].map(cell => cell.getBoundingClientRect().x)")
    assert len(set(edges)) == 1
    inked = browser.run("getComputedStyle(document.querySelector('#cell-0-0 .role-axis-label text')).fill")
    assert inked == {"light": "rgb(88, 98, 116)", "dark": "rgb(163, 173, 189)"}[scheme]
    assert browser.problems() == []


def test_long_tables_have_pages(browser, page):
    browser.open(page)
    browser.run("document.getElementById('tab-1').click()")
    browser.run("document.querySelector('#cell-1-0 .toggle').click()")
    said = "document.querySelector('#cell-1-0 .pager span').innerText"
    assert browser.run(said) == "1–24 of 600"
    browser.run("document.querySelectorAll('#cell-1-0 .pager button')[1].click()")
    assert browser.run(said) == "25–48 of 600"
    assert browser.run("document.querySelector('#cell-1-0 tbody td').innerText") == "Thu, 25 Jan 2024"
