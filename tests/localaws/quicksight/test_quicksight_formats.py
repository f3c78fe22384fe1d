from __future__ import annotations

import datetime as dt

import pytest

from localaws.core import NotSupported
from localaws.quicksight.formats import check_date_pattern, date_text, number_text, shown
from localaws.quicksight.model import Field

NUMBER = "NumberDisplayFormatConfiguration"
CURRENCY = "CurrencyDisplayFormatConfiguration"
PERCENT = "PercentageDisplayFormatConfiguration"


@pytest.mark.parametrize(
    ("value", "config", "text"),
    [
        (1234567, {}, "1,234,567"),
        (1234.5, {}, "1,234.50"),
        (-1234, {}, "\N{MINUS SIGN}1,234"),
        (1234.567, {NUMBER: {"DecimalPlacesConfiguration": {"DecimalPlaces": 1}}}, "1,234.6"),
        (1234567, {NUMBER: {"NumberScale": "AUTO"}}, "1.2M"),
        (999, {NUMBER: {"NumberScale": "AUTO"}}, "999"),
        (2000, {NUMBER: {"NumberScale": "THOUSANDS", "Suffix": " users"}}, "2K users"),
        (-5, {NUMBER: {"NegativeValueConfiguration": {"DisplayMode": "POSITIVE"}}}, "(5)"),
        (-0.001, {NUMBER: {"DecimalPlacesConfiguration": {"DecimalPlaces": 2}}}, "0.00"),
        (1234.5, {CURRENCY: {"Symbol": "EUR", "DecimalPlacesConfiguration": {"DecimalPlaces": 2}}}, "€1,234.50"),
        (1234, {CURRENCY: {"Symbol": "CHF"}}, "CHF 1,234"),
        (0.1234, {PERCENT: {"DecimalPlacesConfiguration": {"DecimalPlaces": 1}}}, "12.3%"),
        (
            1234.5,
            {
                NUMBER: {
                    "SeparatorConfiguration": {"DecimalSeparator": "COMMA", "ThousandsSeparator": {"Symbol": "DOT"}},
                    "DecimalPlacesConfiguration": {"DecimalPlaces": 1},
                }
            },
            "1.234,5",
        ),
        (1234, {NUMBER: {"SeparatorConfiguration": {"ThousandsSeparator": {"Visibility": "HIDDEN"}}}}, "1234"),
    ],
)
def test_numbers(value, config, text):
    assert number_text(value, config) == text


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("YYYY-MM-DD", "2024-03-05"),
        ("ddd, D MMM YYYY", "Tue, 5 Mar 2024"),
        ("dddd MMMM YY", "Tuesday March 24"),
        ("[Q]Q YYYY", "Q1 2024"),
        ("YYYY-MM-DDTHH:mm:ss", "2024-03-05T07:08:09"),
        ("M/D H", "3/5 7"),
    ],
)
def test_dates(pattern, text):
    check_date_pattern(pattern, "here")
    assert date_text(dt.datetime(2024, 3, 5, 7, 8, 9), pattern) == text


def test_an_unknown_token_is_refused():
    with pytest.raises(NotSupported, match="here: DateTimeFormat 'YYYY wo' has 'wo'"):
        check_date_pattern("YYYY wo", "here")


@pytest.mark.parametrize(
    ("granularity", "text"),
    [
        ("YEAR", "2024"),
        ("QUARTER", "Q1 2024"),
        ("MONTH", "March 2024"),
        ("WEEK", "5 Mar 2024"),
        ("DAY", "5 Mar 2024"),
        (None, "5 Mar 2024"),
    ],
)
def test_dates_by_granularity(granularity, text):
    assert shown(Field("f", "s", "c", "date", granularity), dt.datetime(2024, 3, 5)) == text


def test_a_missing_value_is_a_dash_or_what_the_format_says():
    assert shown(Field("f", "s", "c", "number"), None) == "–"
    config = {"FormatConfiguration": {NUMBER: {"NullValueFormatConfiguration": {"NullString": "none"}}}}
    assert shown(Field("f", "s", "c", "number", format=config), None) == "none"
