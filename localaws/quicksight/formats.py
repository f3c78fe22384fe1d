"""Numbers, dates and text as a reader sees them, by a field's FormatConfiguration."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from localaws.core import NotSupported
from localaws.quicksight.model import Field

NULL = "–"
_SYMBOLS = {"COMMA": ",", "DOT": ".", "SPACE": "\N{NO-BREAK SPACE}"}
_SCALES = {"NONE": (1, ""), "THOUSANDS": (10**3, "K"), "MILLIONS": (10**6, "M"), "BILLIONS": (10**9, "B")}
_CURRENCY = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
_BY_GRANULARITY = {
    "YEAR": "YYYY",
    "QUARTER": "[Q]Q YYYY",
    "MONTH": "MMMM YYYY",
    "WEEK": "D MMM YYYY",
    "DAY": "D MMM YYYY",
    "HOUR": "D MMM YYYY HH:mm",
    "MINUTE": "D MMM YYYY HH:mm",
    "SECOND": "D MMM YYYY HH:mm:ss",
}
_TOKENS = re.compile(r"\[([^\]]*)\]|YYYY|YY|MMMM|MMM|MM|M|DD|D|dddd|ddd|HH|H|mm|ss|Q|T|([A-Za-z]+)|(.)", re.DOTALL)


def shown(field: Field, value: Any) -> str:
    """The value of a field as text."""
    if value is None:
        return _null_text(field.format)
    if isinstance(value, datetime):
        pattern = field.format.get("DateTimeFormat") or _BY_GRANULARITY[field.granularity or "SECOND"]
        if field.granularity is None and not field.format.get("DateTimeFormat") and value.time() == datetime.min.time():
            pattern = _BY_GRANULARITY["DAY"]
        return date_text(value, pattern)
    if isinstance(value, int | float | Decimal):
        if not math.isfinite(value):
            return str(value)
        return number_text(value, numeric_format(field.format))
    return str(value)


def numeric_format(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The NumericFormatConfiguration within any field's format."""
    inner = config.get("NumericFormatConfiguration") or config.get("FormatConfiguration") or {}
    return dict(inner)


def number_text(value: float | Decimal, config: Mapping[str, Any]) -> str:
    """A number with separators, scale, prefix and suffix; whole numbers without decimal places by default."""
    kind, details = _display(config)
    number = Decimal(str(value))
    suffix = ""
    if kind == "PercentageDisplayFormatConfiguration":
        number, suffix = number * 100, "%"
    divisor, letter = _scale(details.get("NumberScale", "NONE"), number)
    number /= divisor
    places = (details.get("DecimalPlacesConfiguration") or {}).get("DecimalPlaces")
    if places is None:
        places = 0 if number == number.to_integral_value() else 1 if letter else 2
    text = f"{abs(number):,.{places}f}"
    separators = details.get("SeparatorConfiguration") or {}
    thousands = separators.get("ThousandsSeparator") or {}
    group = _SYMBOLS[thousands.get("Symbol", "COMMA")] if thousands.get("Visibility") != "HIDDEN" else ""
    point = _SYMBOLS[separators.get("DecimalSeparator", "DOT")]
    text = text.translate({ord(","): group, ord("."): point})
    symbol = details.get("Symbol")
    prefix = details.get("Prefix", "") + (_CURRENCY.get(symbol, f"{symbol} ") if symbol else "")
    text = f"{prefix}{text}{letter}{suffix}{details.get('Suffix', '')}"
    if number >= 0 or not text.strip("0.,"):
        return text
    parentheses = (details.get("NegativeValueConfiguration") or {}).get("DisplayMode") == "POSITIVE"
    return f"({text})" if parentheses else f"\N{MINUS SIGN}{text}"


def _display(config: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    return next(iter(config.items()), ("NumberDisplayFormatConfiguration", {}))


def date_text(value: datetime, pattern: str) -> str:
    """A date by QuickSight's pattern (YYYY, MMM, D, HH and so on; text in brackets stands as it is)."""
    return "".join(_part(value, match) for match in _TOKENS.finditer(pattern))


def check_date_pattern(pattern: str, where: str) -> None:
    """Refuse a pattern with a token that is not known here."""
    for match in _TOKENS.finditer(pattern):
        if match[2]:
            known = "YYYY YY MMMM MMM MM M DD D dddd ddd HH H mm ss Q"
            raise NotSupported(f"{where}: DateTimeFormat {pattern!r} has {match[2]!r}; known here are {known}")


def unknown_number_format(config: Mapping[str, Any], where: str) -> list[str]:
    """What of a field's number format is not written here, each with its place."""
    reasons = []
    for kind, details in numeric_format(config).items():
        scale = details.get("NumberScale", "NONE")
        if scale not in (*_SCALES, "AUTO"):
            reasons.append(
                f"{where}.{kind}: the scale {scale} is not written here; known are {', '.join(_SCALES)}, AUTO"
            )
        thousands = (details.get("SeparatorConfiguration") or {}).get("ThousandsSeparator") or {}
        if thousands.get("GroupingStyle", "DEFAULT") != "DEFAULT":
            reasons.append(f"{where}.{kind}: the grouping {thousands['GroupingStyle']} is not written here")
    return reasons


def _part(value: datetime, match: re.Match[str]) -> str:
    token = match[0]
    if match[1] is not None:
        return match[1]
    parts = {
        "YYYY": f"{value.year:04d}",
        "YY": f"{value.year % 100:02d}",
        "MMMM": _MONTHS[value.month - 1],
        "MMM": _MONTHS[value.month - 1][:3],
        "MM": f"{value.month:02d}",
        "M": str(value.month),
        "DD": f"{value.day:02d}",
        "D": str(value.day),
        "dddd": _DAYS[value.weekday()],
        "ddd": _DAYS[value.weekday()][:3],
        "HH": f"{value.hour:02d}",
        "H": str(value.hour),
        "mm": f"{value.minute:02d}",
        "ss": f"{value.second:02d}",
        "Q": str((value.month - 1) // 3 + 1),
    }
    return parts.get(token, token)


def _scale(scale: str, number: Decimal) -> tuple[int, str]:
    if scale != "AUTO":
        return _SCALES[scale]
    for divisor, letter in reversed(_SCALES.values()):
        if abs(number) >= divisor:
            return divisor, letter
    return _SCALES["NONE"]


def _null_text(config: Mapping[str, Any]) -> str:
    holders = [config, *(inner for inner in numeric_format(config).values() if isinstance(inner, Mapping))]
    for holder in holders:
        text = (holder.get("NullValueFormatConfiguration") or {}).get("NullString")
        if text is not None:
            return str(text)
    return NULL


# Spelled out, because strftime would follow the process's locale.
_MONTHS = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()  # noqa: SIM905
