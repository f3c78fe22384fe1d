"""Dimensions that keep their history: slowly changing, type 2.

A version is valid from a day on until, but not on, the day from which the next one is. The source only says how things
are now, so a member's first version is valid from the beginning of time, and a change from the day of the run that
sees it.
"""

from __future__ import annotations

import datetime as dt

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

UNKNOWN = -1  # the key of the member that stands for none
BEGINNING = dt.date(1900, 1, 1)
FOREVER = dt.date(9999, 12, 31)
VALIDITY = ("valid_from", "valid_to", "is_current")


def surrogate_key(*parts: Column) -> Column:
    """A positive bigint that the same values always give: 60 bits of the SHA-256 of their text, null as empty."""
    text = F.concat_ws("\x1f", *(F.coalesce(part.cast("string"), F.lit("")) for part in parts))
    return F.conv(F.substring(F.sha2(text, 256), 1, 15), 16, 10).cast("bigint")


def versions(before: DataFrame, now: DataFrame, *, business_key: str, as_of: dt.date) -> DataFrame:
    """All versions, from those of the last run and the rows of now; without surrogate keys.

    before: columns of `now` and VALIDITY. now: one row per business key; a difference in any column is a change.
    A change that is seen on the day of the current version, or for an earlier day, corrects that version: a run that is
    repeated gives the same versions, and time never goes back. A member that is gone has no current version.
    """
    attributes = [name for name in now.columns if name != business_key]
    today, forever = F.lit(as_of), F.lit(FOREVER)
    last = before.groupBy(business_key).agg(F.max("valid_to").alias("_last"))
    old = before.where("is_current").select(
        F.col(business_key), F.struct(*attributes).alias("_old"), F.col("valid_from").alias("_since")
    )
    new = now.select(F.col(business_key), F.struct(*attributes).alias("_new"))
    known = old.join(new, business_key, "full").join(last, business_key, "left")

    def version(where: Column, values: str, since: Column, until: Column) -> Column:
        held = [F.col(f"{values}.{name}").alias(name) for name in attributes]
        return F.when(where, F.struct(*held, since.alias("valid_from"), until.alias("valid_to")))

    was, there, since = F.col("_old").isNotNull(), F.col("_new").isNotNull(), F.col("_since")
    ends = was & ~F.col("_old").eqNullSafe(F.col("_new")) & (since < today)
    first = F.when(F.col("_last").isNull(), F.lit(BEGINNING)).otherwise(F.greatest(F.col("_last"), today))
    found = F.array(
        version(was & there & ~ends, "_new", since, forever),  # as it was, or corrected
        version(ends, "_old", since, today),
        version(ends & there, "_new", today, forever),
        version(~was & there, "_new", first, forever),
    )
    running = known.select(business_key, F.explode(F.array_compact(found)).alias("_version"))
    ended = before.where("NOT is_current").select(business_key, *attributes, "valid_from", "valid_to")
    every = running.select(business_key, "_version.*").unionByName(ended)
    return every.withColumn("is_current", F.col("valid_to") == forever)


def keys_as_of(
    rows: DataFrame, dimension: DataFrame, *, business_key: str, day: str, take: dict[str, str]
) -> DataFrame:
    """The rows with columns of the version of that day; as many rows as before, for versions do not overlap.

    take: the dimension's column by the name that it gets; null where there was no version.
    """
    member = dimension.select(
        F.col(business_key).alias("_member"),
        F.col("valid_from").alias("_from"),
        F.col("valid_to").alias("_to"),
        *(F.col(source).alias(name) for name, source in take.items()),
    )
    matches = (F.col("_member") == rows[business_key]) & (rows[day] >= F.col("_from")) & (rows[day] < F.col("_to"))
    return rows.join(F.broadcast(member), matches, "left").drop("_member", "_from", "_to")
