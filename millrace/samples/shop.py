"""The invented shop behind the sample of ``retail_events``: who looks at what, buys what, and what items are like."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

START_MS = 1_430_622_000_000  # 2015-05-03 03:00 UTC, when the first export of properties ran
_DAY_MS = 86_400_000
_WEEK_MS = 7 * _DAY_MS
_PROPERTIES = 1_104  # different properties; the first two keep their names, the others are numbers
_CARTS, _ORDERS = 69_332 / 2_756_101, 22_457 / 2_756_101
_PROPERTIES_OF_ITEM = 48
_TOKENS = 60_000


@dataclass(frozen=True)
class Events:
    """Columns of events: time in ms, kind 0 view, 1 addtocart, 2 transaction; order is -1 where there is none."""

    time: Ints
    visitor: Ints
    kind: Ints
    item: Ints
    order: Ints


@dataclass(frozen=True)
class Properties:
    """Columns of item properties; property and value are positions in the shop's lists."""

    time: Ints
    item: Ints
    property: Ints
    value: Ints


class Shop:
    """One shop; everything follows from the sizes and the seed."""

    def __init__(self, *, events: int, properties: int, categories: int, days: int, seed: int) -> None:
        self._events = events
        self._days = days
        self._weeks = -(-days // 7)
        self._properties = properties
        self._seed = seed
        self.items = max(2, properties // _PROPERTIES_OF_ITEM)
        self.visitors = max(2, events // 2)
        self.categories = categories

    def random(self, *purpose: int) -> np.random.Generator:
        """Random numbers of their own for each purpose."""
        return np.random.default_rng([self._seed, *purpose])

    @cached_property
    def item_ids(self) -> Ints:
        """The items' ids: not all numbers are used."""
        return np.sort(self.random(10).choice(self.items + self.items // 8, self.items, replace=False))

    @cached_property
    def category_ids(self) -> Ints:
        """The categories' ids."""
        return np.sort(self.random(11).choice(self.categories + 32, self.categories, replace=False))

    def category_tree(self) -> list[tuple[int, int | None]]:
        """(category, parent), a parent of None for a root; one parent is in no row of its own."""
        rng = self.random(12)
        depth_first = rng.permutation(self.category_ids).tolist()
        roots = max(1, self.categories // 67)
        rows: list[tuple[int, int | None]] = [(category, None) for category in depth_first[:roots]]
        for position, category in enumerate(depth_first[roots:], start=roots):
            # A parent from the first part of the tree keeps it flat: five levels or six.
            rows.append((category, depth_first[int(position * rng.beta(1, 4))]))
        rows[-1] = (rows[-1][0], self.categories + 1_000)
        return [rows[i] for i in rng.permutation(len(rows))]

    def all_events(self) -> Events:
        """All events, mixed as an export of several servers is."""
        rng = self.random(13)
        carts, orders = int(self._events * _CARTS), int(self._events * _ORDERS)
        views = self._events - carts - orders
        # Few visitors come often, few items draw most views, people look by day and more so towards autumn.
        visitor = _skewed(rng, self.visitors, views, 2.2)
        item = rng.permutation(self.item_ids)[_skewed(rng, self.items, views, 3.5)]
        day = (rng.beta(1.1, 1.0, views) * self._days).astype(np.int64)
        time = START_MS + day * _DAY_MS + (rng.normal(0.62, 0.19, views) % 1 * _DAY_MS).astype(np.int64)
        carted = rng.choice(views, carts, replace=False)
        cart_time = time[carted] + rng.exponential(240_000, carts).astype(np.int64)
        bought = np.arange(carts)[:orders]
        order_time = cart_time[bought] + rng.exponential(900_000, orders).astype(np.int64)
        columns = (
            (time, cart_time, order_time),
            (visitor, visitor[carted], visitor[carted[bought]]),
            (np.zeros(views, np.int64), np.ones(carts, np.int64), np.full(orders, 2)),
            (item, item[carted], item[carted[bought]]),
            (np.full(views, -1), np.full(carts, -1), self._baskets(rng, visitor[carted[bought]], order_time)),
        )
        mixed = rng.permutation(self._events)
        return Events(*(np.concatenate(column).astype(np.int64)[mixed] for column in columns))

    def _baskets(self, rng: np.random.Generator, visitor: Ints, time: Ints) -> Ints:
        """Order numbers: what a visitor buys on a day is one order."""
        _, basket = np.unique(visitor * 1_000 + (time - START_MS) // _DAY_MS, return_inverse=True)
        return rng.permutation(int(basket.max()) + 1)[basket] if len(basket) else basket

    @cached_property
    def property_names(self) -> list[str]:
        """``categoryid``, ``available`` and hashed names, the usual ones first."""
        numbers = self.random(14).permutation(_PROPERTIES - 2)
        return ["categoryid", "available", *map(str, numbers.tolist())]

    @cached_property
    def values(self) -> list[str]:
        """Values: first those of ``available``, then category ids, then tokens, numbers and several of them."""
        rng = self.random(15)
        words = rng.integers(1, 1_400_000, (_TOKENS, 4)).tolist()
        numbers = [f"n{number:.3f}" for number in (rng.lognormal(4.5, 1.8, _TOKENS)).tolist()]
        lengths = rng.integers(1, 5, _TOKENS).tolist()
        several = [" ".join(map(str, row[:length])) for row, length in zip(words, lengths, strict=True)]
        both = [f"{text} {number}" for text, number in zip(several, numbers, strict=True)][: _TOKENS // 3]
        return ["0", "1", *map(str, self.category_ids.tolist()), *several, *numbers, *both, "nInfinity", "-nInfinity"]

    def property_chunks(self, rows: int) -> Iterator[Properties]:
        """All properties, in chunks of about so many rows: an item's rows are in one chunk."""
        count = -(-self._properties // rows)
        order = self.random(16).permutation(self.item_ids)
        for number, items in enumerate(np.array_split(order, count)):
            wanted = self._properties * (number + 1) // count - self._properties * number // count
            yield self._chunk(self.random(17, number), items, wanted)

    def _chunk(self, rng: np.random.Generator, items: Ints, wanted: int) -> Properties:
        """Every item is in a category and available or not from the first week; the rest is drawn."""
        keys = self._keys(np.arange(2).repeat(len(items)), np.tile(np.arange(len(items)), 2), 0)[:wanted]
        drawn = wanted
        while len(keys) < wanted:
            drawn = int(drawn * 1.3)
            more = self._keys(
                _skewed(rng, _PROPERTIES, drawn, 2.6),
                rng.integers(0, len(items), drawn),
                rng.integers(0, self._weeks, drawn),
            )
            more = np.setdiff1d(more, keys)
            keys = np.concatenate([keys, rng.choice(more, min(len(more), wanted - len(keys)), replace=False)])
        item, rest = np.divmod(keys, _PROPERTIES * self._weeks)
        name, week = np.divmod(rest, self._weeks)
        return Properties(START_MS + week * _WEEK_MS, items[item], name, self._values_of(rng, item, name))

    def _keys(self, name: Ints, item: Ints, week: Ints | int) -> Ints:
        """One number for each item, property and week, so that none comes twice."""
        return distinct((item * _PROPERTIES + name) * self._weeks + week)

    def _values_of(self, rng: np.random.Generator, item: Ints, name: Ints) -> Ints:
        """Mostly what the item had before (its own number gives it), now and then something new."""
        first_category, first_token = 2, 2 + self.categories
        tokens = len(self.values) - first_token
        own = item * 7_919 + name * 104_729
        own = np.where(rng.random(len(item)) < 0.12, rng.integers(0, 1 << 40, len(item)), own)
        value = first_token + own % tokens
        value = np.where(name == 0, first_category + own % self.categories, value)
        return np.where(name == 1, (rng.random(len(item)) < 0.3).astype(np.int64), value)


def distinct(values: Ints) -> Ints:
    """The different values in order; for numbers as regular as these NumPy's own way is slow, for it hashes."""
    ordered = np.sort(values)
    return ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(ordered) else ordered


def _skewed(rng: np.random.Generator, values: int, count: int, power: float) -> Ints:
    """Positions from 0 to values - 1, the first far more often than the last."""
    return np.minimum((rng.random(count) ** power * values).astype(np.int64), values - 1)
