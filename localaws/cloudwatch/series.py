"""The metrics: for each series, what came in a minute (or a second, for high resolution) as one set of statistics."""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from localaws.core import AwsError, NotSupported

Dimensions = tuple[tuple[str, str], ...]
Key = tuple[str, str, Dimensions]
STATISTICS = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
_MOST_BUCKETS = 15 * 24 * 60


@dataclass
class Bucket:
    """All values of a time; ``values`` counts single ones, for percentiles, and is empty where only sets came."""

    count: float = 0.0
    total: float = 0.0
    least: float = math.inf
    most: float = -math.inf
    unit: str = "None"
    values: Counter[float] = field(default_factory=Counter)

    def add(self, value: float, times: float = 1.0) -> None:
        """A value that came so many times."""
        self.count += times
        self.total += value * times
        self.least, self.most = min(self.least, value), max(self.most, value)
        self.values[value] += times  # type: ignore[assignment]

    def merge(self, other: Bucket) -> None:
        """Take another's values too."""
        self.count += other.count
        self.total += other.total
        self.least, self.most = min(self.least, other.least), max(self.most, other.most)
        self.unit = other.unit
        self.values.update(other.values)

    def statistic(self, name: str) -> float | None:
        """A statistic such as Sum or p99.9; None where a percentile cannot be known."""
        if name in STATISTICS:
            average = self.total / self.count if self.count else 0.0
            return dict(zip(STATISTICS, (self.count, average, self.total, self.least, self.most), strict=True))[name]
        share = percentile_of(name)
        if sum(self.values.values()) < self.count:
            return None
        passed, wanted = 0.0, max(share / 100 * self.count, 1e-9)
        for value, times in sorted(self.values.items()):
            passed += times
            if passed >= wanted - 1e-9:
                return value
        return self.most


def percentile_of(name: str) -> float:
    """The number of a percentile statistic such as p95. Raises for other extended statistics."""
    try:
        share = float(name[1:]) if name.startswith("p") else -1.0
    except ValueError:
        share = -1.0
    if not 0 <= share <= 100:
        raise NotSupported(f"The statistic {name} is refused: {', '.join(STATISTICS)} and p0 to p100 are computed.")
    return share


def dimensions_of(given: Iterable[Mapping[str, str]] | None) -> Dimensions:
    """Dimensions in one order."""
    return tuple(sorted((each["Name"], each["Value"]) for each in given or ()))


class Metrics:
    """All series, in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._series: dict[Key, dict[int, Bucket]] = {}
        self._fine: set[Key] = set()

    def record(self, key: Key, moment: float, bucket: Bucket, *, fine: bool = False) -> None:
        """Add values at a time, in seconds since 1970; fine: to the second, not the minute."""
        with self._lock:
            series = self._series.setdefault(key, {})
            if fine:
                self._fine.add(key)
            start = int(moment) if fine else int(moment) // 60 * 60
            held = series.get(start)
            if held is None:
                held = series[start] = Bucket(unit=bucket.unit)
                if len(series) > _MOST_BUCKETS:
                    del series[min(series)]
            held.merge(bucket)

    def read(self, key: Key, start: float, end: float, period: int, unit: str | None = None) -> dict[int, Bucket]:
        """By the start of each period that has values, from start on and before end; periods begin at start."""
        found: dict[int, Bucket] = {}
        with self._lock:
            series = self._series.get(key, {})
            for moment in sorted(series):
                bucket = series[moment]
                if start <= moment < end and unit in (None, bucket.unit):
                    at = int(start) + (moment - int(start)) // period * period
                    found.setdefault(at, Bucket()).merge(bucket)
        return found

    def all(self) -> Iterator[Key]:
        """All series."""
        with self._lock:
            return iter(sorted(self._series))


def invalid(message: str) -> AwsError:
    """AWS's answer for a parameter that it refuses."""
    return AwsError("InvalidParameterValue", message)
