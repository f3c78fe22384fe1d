"""Raw CSV read by its contract: each line becomes a row, or is known with the rule that it breaks."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from millrace import contracts
from millrace.contracts import Contract
from millrace.convert.header import Header

# Columns beside the contract's: the text of a line that could not be read, and the rule that a row breaks, as
# (column, reason, raw); null for good rows.
_UNREADABLE, FAULT = "_unreadable", "_fault"


def read(spark: SparkSession, uri: str, contract: Contract, header: Header) -> DataFrame:
    """The lines of a file, columns by the contract's names and types, with FAULT."""
    names = {index: name for name, index in header.fields.items()}
    fields = [(names[index], contract.column(names[index]).type) for index in range(header.width)]
    schema = ", ".join(f"`{name}` {kind}" for name, kind in fields)
    lines = spark.read.csv(
        uri,
        schema=f"{schema}, {_UNREADABLE} string",
        header=True,
        sep=header.delimiter,
        encoding="UTF-8",
        mode="PERMISSIVE",
        columnNameOfCorruptRecord=_UNREADABLE,
    )
    for name in header.absent:
        lines = lines.withColumn(name, F.lit(None).cast(contract.column(name).type))
    # What a line said, as far as it can be told from its values.
    raw = F.concat_ws(header.delimiter, *(F.coalesce(F.col(name).cast("string"), F.lit("")) for name, _ in fields))
    fault = F.when(F.col(_UNREADABLE).isNotNull(), _fault("", "", F.col(_UNREADABLE)))
    for column in contract.columns:
        for broken, reason in rules(column):
            fault = fault.when(broken, _fault(column.name, reason, raw))
    return lines.withColumn(FAULT, fault).drop(_UNREADABLE)


def _fault(column: str, reason: str, raw: Column) -> Column:
    return F.struct(F.lit(column).alias("column"), F.lit(reason).alias("reason"), raw.alias("raw"))


def rules(column: contracts.Column) -> list[tuple[Column, str]]:
    """What breaks the column's rules, and how that is said."""
    value = F.col(column.name)
    rules = []
    if column.required:
        rules.append((value.isNull(), "is missing"))
    if column.allowed is not None:
        rules.append((~value.isin(*column.allowed), f"is not one of {', '.join(map(str, column.allowed))}"))
    if column.min is not None:
        rules.append((value < F.lit(column.min), f"is below {column.min}"))
    if column.max is not None:
        rules.append((value > F.lit(column.max), f"is above {column.max}"))
    if column.max_length is not None:
        rules.append((F.length(value) > column.max_length, f"is longer than {column.max_length}"))
    if column.pattern is not None:
        rules.append((~value.rlike(f"^(?:{column.pattern})$"), f"does not match {column.pattern}"))
    if column.type == "string":
        # What Spark makes of bytes that are not UTF-8: the text would not be the one that was uploaded.
        rules.append((value.contains("\ufffd"), "is not UTF-8"))
    return rules
