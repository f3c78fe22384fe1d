"""Columns of text, looked up by number: what makes it quick to write millions of CSV rows with NumPy and Arrow."""

from __future__ import annotations

import datetime as dt
import math
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace.samples.places import CITIES
from millrace.samples.population import DAY, NEVER, Ints

# How a file writes its times; the last is for acceptances only.
TIME_FORMS = ("iso_z", "iso_offset", "space", "epoch_s", "epoch_ms", "date")
_OFFSET_HOURS = 2
_SPOTS = 64  # places within a city
PLACES = len(CITIES) * _SPOTS


def quoted(text: str) -> str:
    """The text as a CSV field, in quotes where it must be."""
    return '"' + text.replace('"', '""') + '"' if any(character in text for character in ',;\t"\n') else text


def take(texts: Any, numbers: Ints) -> Any:
    """The texts with these numbers, an Arrow array of strings."""
    return texts.take(pa.array(numbers))


class Tables:
    """The texts of all values that a sample with these users, companies and days may have."""

    def __init__(self, *, start: dt.date, days: int, users: int, companies: int, seed: int) -> None:
        self._epoch = (start - dt.date(1970, 1, 1)).days * DAY
        self._dates = [(start + dt.timedelta(days=day)).isoformat() for day in range(days + 2)]
        self.users = pa.array([f"u{user:06d}" for user in range(users)])
        self.companies = pa.array([f"c{company:04d}" for company in range(companies)] + [""])
        rng = np.random.default_rng([seed, 3])
        self._jitter = rng.normal(0, 0.03, (PLACES, 2))
        self._addresses = rng.integers(1, 255, (1 << 14, 4))
        self.devices = pa.array(["web", "ios", "android"])

    @cached_property
    def cities(self) -> Any:
        """City by place."""
        return pa.array([quoted(city) for city, *_ in CITIES for _ in range(_SPOTS)])

    @cached_property
    def cities_latin1(self) -> Any:
        """City by place, empty where Latin-1 cannot write it."""
        writable = [city.encode("latin-1", "ignore").decode("latin-1") == city for city, *_ in CITIES]
        names = [quoted(city[0]) if fits else "" for city, fits in zip(CITIES, writable, strict=True)]
        return pa.array([name for name in names for _ in range(_SPOTS)])

    @cached_property
    def countries(self) -> Any:
        """Country by place."""
        return pa.array([country for _, country, _, _ in CITIES for _ in range(_SPOTS)])

    @cached_property
    def latitudes(self) -> Any:
        """Latitude by place."""
        return self._degrees([latitude for _, _, latitude, _ in CITIES], 0)

    @cached_property
    def longitudes(self) -> Any:
        """Longitude by place."""
        return self._degrees([longitude for _, _, _, longitude in CITIES], 1)

    @cached_property
    def addresses(self) -> Any:
        """IP addresses of the network 10.0.0.0, to be chosen from."""
        return pa.array([f"10.{b}.{c}.{d}" for _, b, c, d in self._addresses.tolist()])

    def times(self, seconds: Ints, form: str) -> Any:
        """Times in a form of TIME_FORMS; NEVER becomes empty."""
        if form == "epoch_s":
            text = pc.cast(pa.array(seconds + self._epoch), pa.string())
        elif form == "epoch_ms":
            text = pc.cast(pa.array((seconds + self._epoch) * 1000), pa.string())
        elif form == "date":
            text = take(pa.array(self._dates), np.maximum(seconds, 0) // DAY)
        else:
            there = np.maximum(seconds, 0) + (_OFFSET_HOURS * 3600 if form == "iso_offset" else 0)
            day, second = np.divmod(there, DAY)
            text = pc.binary_join_element_wise(
                take(self._dates_of[form], day), take(self._seconds_of[form], second), ""
            )
        never = seconds == NEVER
        return pc.if_else(pa.array(never), "", text) if never.any() else text

    @cached_property
    def _dates_of(self) -> dict[str, Any]:
        separator = {"iso_z": "T", "iso_offset": "T", "space": " "}
        return {form: pa.array([date + between for date in self._dates]) for form, between in separator.items()}

    @cached_property
    def _seconds_of(self) -> dict[str, Any]:
        clock = [f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}" for s in range(DAY)]
        suffix = {"iso_z": "Z", "iso_offset": f"+{_OFFSET_HOURS:02d}:00", "space": ""}
        return {form: pa.array([time + after for time in clock]) for form, after in suffix.items()}

    def _degrees(self, middle: list[float], axis: int) -> Any:
        places = [(degrees, self._jitter[city * _SPOTS + spot, axis]) for city, degrees in enumerate(middle)
                  for spot in range(_SPOTS)]  # fmt: skip
        return pa.array(["" if math.isnan(degrees) else f"{degrees + off:.4f}" for degrees, off in places])
