"""Hive's statements: CREATE EXTERNAL TABLE, CREATE and DROP DATABASE, ALTER TABLE, MSCK, SHOW, DESCRIBE."""

from __future__ import annotations

from localaws.athena import statements as st
from localaws.athena.lexer import ParseError, Reader
from localaws.athena.types import parse as parse_type

OPEN, CLOSE = {"<", "("}, {">", ")"}


def parse(reader: Reader) -> st.Statement:
    """Read one whole statement."""
    first = reader.next.upper
    if first == "CREATE":
        statement = _create(reader)
    elif first == "DROP":
        statement = _drop(reader)
    elif first == "ALTER":
        statement = _alter(reader)
    elif first == "MSCK":
        reader.need("MSCK", "REPAIR", "TABLE")
        statement = st.Repair(table_name(reader))
    elif first == "SHOW":
        statement = _show(reader)
    else:
        statement = _describe(reader)
    reader.close()
    return statement


def table_name(reader: Reader) -> st.Name:
    """A table's name: ``table``, ``database.table`` or ``awsdatacatalog.database.table``."""
    parts = reader.names()
    if len(parts) > 3 or (len(parts) == 3 and parts[0] != "awsdatacatalog"):
        raise ParseError(f"SYNTAX_ERROR: Catalog '{parts[0]}' does not exist: only awsdatacatalog does")
    return st.Name(parts[-2] if len(parts) > 1 else None, parts[-1])


def _create(reader: Reader) -> st.Statement:
    reader.need("CREATE")
    if reader.take("DATABASE") or reader.take("SCHEMA"):
        return _create_database(reader)
    external = reader.take("EXTERNAL")
    reader.need("TABLE")
    if_not_exists = reader.take("IF", "NOT", "EXISTS")
    name = table_name(reader)
    reader.need("(")
    columns = _columns(reader)
    clauses = _Clauses(reader)
    iceberg = clauses.properties.get("table_type", "").upper() == "ICEBERG"
    if iceberg:
        raise ParseError("NOT_SUPPORTED: Iceberg tables are not supported here; create an external table")
    if not external:
        raise ParseError("FAILED: SemanticException No table type: use CREATE EXTERNAL TABLE")
    if not clauses.location:
        raise ParseError("FAILED: ParseException external table needs a LOCATION 's3://bucket/folder/'")
    return st.CreateTable(
        name,
        columns,
        clauses.partition_keys,
        clauses.comment,
        clauses.serde,
        clauses.serde_properties,
        clauses.stored_as,
        clauses.input_format,
        clauses.output_format,
        clauses.location,
        clauses.properties,
        if_not_exists,
    )


class _Clauses:
    """What stands behind a CREATE TABLE's columns, in any order."""

    def __init__(self, reader: Reader) -> None:
        self.partition_keys: tuple[st.ColumnSpec, ...] = ()
        self.comment: str | None = None
        self.serde: str | None = None
        self.serde_properties: dict[str, str] = {}
        self.stored_as: str | None = None
        self.input_format: str | None = None
        self.output_format: str | None = None
        self.location = ""
        self.properties: dict[str, str] = {}
        while reader.next.kind != "end" and reader.next.upper != ";":
            self._clause(reader)

    def _clause(self, reader: Reader) -> None:
        if reader.take("COMMENT"):
            self.comment = reader.string()
        elif reader.take("PARTITIONED", "BY", "("):
            self.partition_keys = _columns(reader)
        elif reader.take("ROW", "FORMAT", "SERDE"):
            self.serde = reader.string()
        elif reader.take("ROW", "FORMAT", "DELIMITED"):
            self._delimited(reader)
        elif reader.take("WITH", "SERDEPROPERTIES"):
            self.serde_properties |= _pairs(reader)
        elif reader.take("STORED", "AS", "INPUTFORMAT"):
            self.input_format = reader.string()
            reader.need("OUTPUTFORMAT")
            self.output_format = reader.string()
        elif reader.take("STORED", "AS"):
            self.stored_as = reader.identifier()
        elif reader.take("LOCATION"):
            self.location = reader.string()
        elif reader.take("TBLPROPERTIES"):
            self.properties |= _pairs(reader)
        elif reader.next.upper == "CLUSTERED":
            raise ParseError("NOT_SUPPORTED: bucketed tables (CLUSTERED BY) are not supported here")
        else:
            raise reader.error("PARTITIONED BY, ROW FORMAT, STORED AS, LOCATION or TBLPROPERTIES")

    def _delimited(self, reader: Reader) -> None:
        names = {
            ("FIELDS", "TERMINATED", "BY"): "field.delim",
            ("ESCAPED", "BY"): "escape.delim",
            ("COLLECTION", "ITEMS", "TERMINATED", "BY"): "collection.delim",
            ("MAP", "KEYS", "TERMINATED", "BY"): "mapkey.delim",
            ("LINES", "TERMINATED", "BY"): "line.delim",
            ("NULL", "DEFINED", "AS"): "serialization.null.format",
        }
        taken = True
        while taken:
            taken = False
            for words, key in names.items():
                if reader.take(*words):
                    self.serde_properties[key] = reader.string()
                    taken = True
        if "field.delim" in self.serde_properties:
            self.serde_properties["serialization.format"] = self.serde_properties["field.delim"]


def _columns(reader: Reader) -> tuple[st.ColumnSpec, ...]:
    """Columns up to the closing parenthesis, the opening one being read."""
    found = []
    while True:
        name = reader.identifier()
        kind = _type(reader)
        comment = reader.string() if reader.take("COMMENT") else None
        found.append(st.ColumnSpec(name, kind, comment))
        if reader.take(")"):
            return tuple(found)
        reader.need(",")


def _type(reader: Reader) -> str:
    """A Hive type as one text; its nested types may hold ``>>`` and commas."""
    text, depth = reader.step().text, 0
    while reader.next.upper in OPEN or depth > 0:
        token = reader.step()
        depth += (token.upper in OPEN) - (token.upper in CLOSE)
        text += token.text
    if text.lower() == "double" and reader.take("PRECISION"):
        text = "double"
    return parse_type(text).hive


def _pairs(reader: Reader) -> dict[str, str]:
    """``('key' = 'value', …)``."""
    found: dict[str, str] = {}
    reader.need("(")
    while True:
        key = reader.string()
        reader.need("=")
        found[key] = reader.string()
        if reader.take(")"):
            return found
        reader.need(",")


def _create_database(reader: Reader) -> st.Statement:
    if_not_exists = reader.take("IF", "NOT", "EXISTS")
    name = reader.identifier()
    comment = reader.string() if reader.take("COMMENT") else None
    location = reader.string() if reader.take("LOCATION") else None
    properties = _pairs(reader) if reader.take("WITH", "DBPROPERTIES") else {}
    return st.CreateDatabase(name, if_not_exists, comment, location, properties)


def _drop(reader: Reader) -> st.Statement:
    reader.need("DROP")
    if reader.take("DATABASE") or reader.take("SCHEMA"):
        if_exists = reader.take("IF", "EXISTS")
        name = reader.identifier()
        cascade = reader.take("CASCADE")
        reader.take("RESTRICT")
        return st.DropDatabase(name, if_exists, cascade)
    view = reader.take("VIEW")
    if not view:
        reader.need("TABLE")
    if_exists = reader.take("IF", "EXISTS")
    return st.DropTable(table_name(reader), if_exists, view)


def _alter(reader: Reader) -> st.Statement:
    reader.need("ALTER", "TABLE")
    name = table_name(reader)
    if reader.take("ADD", "COLUMNS", "("):
        return st.AddColumns(name, _columns(reader), replace=False)
    if reader.take("REPLACE", "COLUMNS", "("):
        return st.AddColumns(name, _columns(reader), replace=True)
    if reader.take("ADD"):
        if_not_exists = reader.take("IF", "NOT", "EXISTS")
        added: list[tuple[st.PartitionSpec, str | None]] = []
        while reader.next.upper == "PARTITION":
            added.append((_partition(reader), reader.string() if reader.take("LOCATION") else None))
        if not added:
            raise reader.error("PARTITION")
        return st.AddPartitions(name, tuple(added), if_not_exists)
    if reader.take("DROP"):
        if_exists = reader.take("IF", "EXISTS")
        dropped = [_partition(reader)]
        while reader.take(","):
            dropped.append(_partition(reader))
        return st.DropPartitions(name, tuple(dropped), if_exists)
    if reader.take("SET", "TBLPROPERTIES"):
        return st.SetProperties(name, _pairs(reader))
    partition = _partition(reader) if reader.next.upper == "PARTITION" else None
    if reader.take("SET", "LOCATION"):
        return st.SetLocation(name, partition, reader.string())
    if partition is not None and reader.take("RENAME", "TO"):
        return st.RenamePartition(name, partition, _partition(reader))
    raise reader.error("ADD, DROP, RENAME, REPLACE COLUMNS, SET LOCATION or SET TBLPROPERTIES")


def _partition(reader: Reader) -> dict[str, str | None]:
    """``PARTITION (key = 'value', …)``."""
    reader.need("PARTITION", "(")
    found: dict[str, str | None] = {}
    while True:
        key = reader.identifier()
        reader.need("=")
        token = reader.step()
        sign = token.text if token.upper == "-" else ""
        if sign:
            token = reader.step()
        if token.kind not in ("string", "number"):
            raise ParseError(f"FAILED: ParseException partition value {token.text!r} is not a literal")
        found[key] = token.hive_value if token.kind == "string" else sign + token.text
        if reader.take(")"):
            return found
        reader.need(",")


def _show(reader: Reader) -> st.Statement:
    reader.need("SHOW")
    if reader.take("TABLES") or reader.take("VIEWS"):
        what = reader.all[reader.at - 1].upper
        database = reader.identifier() if reader.take("IN") or reader.take("FROM") else None
        reader.take("LIKE")
        like = reader.string() if reader.next.kind == "string" else None
        return st.Show(what, database=database, like=like)
    if reader.take("DATABASES") or reader.take("SCHEMAS"):
        like = reader.string() if reader.take("LIKE") or reader.next.kind == "string" else None
        return st.Show("DATABASES", like=like)
    if reader.take("PARTITIONS"):
        return st.Show("PARTITIONS", name=table_name(reader))
    if reader.take("COLUMNS"):
        if not reader.take("IN"):
            reader.need("FROM")
        name = table_name(reader)
        if reader.take("IN") or reader.take("FROM"):
            name = st.Name(reader.identifier(), name.table)
        return st.Show("COLUMNS", name=name)
    if reader.take("CREATE", "TABLE"):
        return st.Show("CREATE TABLE", name=table_name(reader))
    if reader.take("CREATE", "VIEW"):
        return st.Show("CREATE VIEW", name=table_name(reader))
    if reader.take("TBLPROPERTIES"):
        name = table_name(reader)
        if reader.take("("):
            key = reader.string()
            reader.need(")")
            return st.Show("TBLPROPERTIES", name=name, key=key)
        return st.Show("TBLPROPERTIES", name=name)
    raise reader.error("TABLES, DATABASES, VIEWS, PARTITIONS, COLUMNS, CREATE TABLE, CREATE VIEW or TBLPROPERTIES")


def _describe(reader: Reader) -> st.Statement:
    if not reader.take("DESC"):
        reader.need("DESCRIBE")
    if reader.take("FORMATTED") or reader.take("EXTENDED"):
        raise ParseError("NOT_SUPPORTED: DESCRIBE FORMATTED and EXTENDED are not supported here; use DESCRIBE")
    return st.Show("DESCRIBE", name=table_name(reader))
