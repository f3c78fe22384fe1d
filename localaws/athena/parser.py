"""From a statement's text to a Statement: queries stay text, everything else is parsed here and in hive_parser."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from localaws.athena import hive_parser
from localaws.athena import statements as st
from localaws.athena.lexer import ParseError, Reader, Token, position, scan, tokens

QUERY_WORDS = {"SELECT", "WITH", "VALUES", "TABLE", "("}
HIVE_WORDS = {"ALTER", "DROP", "MSCK", "DESCRIBE", "DESC", "SHOW"}
ROW_CHANGES: dict[str, tuple[str, ...]] = {
    "DELETE": ("FROM",),
    "UPDATE": (),
    "MERGE": ("INTO",),
    "OPTIMIZE": (),
    "VACUUM": (),
}


def parse(sql: str) -> st.Statement:
    """The statement; raises ParseError (InvalidRequestException) as StartQueryExecution does."""
    if not sql.strip():
        raise ParseError("line 1:1: mismatched input '<EOF>': the query is empty")
    first = _first_words(sql)
    if first[0] in QUERY_WORDS:
        return st.Select(Reader(sql).rest())
    if first[0] in HIVE_WORDS or _is_hive_create(sql, first):
        return hive_parser.parse(Reader(sql, hive=True))
    parser = PARSERS.get(first[0])
    if parser is None:
        raise ParseError(f"line 1:1: mismatched input '{first[0]}'. Queries of this type are not supported")
    reader = Reader(sql)
    statement = parser(reader)
    reader.close()
    return statement


def _first_words(sql: str) -> list[str]:
    words = [token.upper for token in itertools.islice(scan(sql, hive=True), 3)]
    return [*words, "", ""]


def _is_hive_create(sql: str, first: list[str]) -> bool:
    if first[0] != "CREATE" or first[1] in ("VIEW", "OR"):
        return False
    if first[1] in ("EXTERNAL", "DATABASE", "SCHEMA"):
        return True
    reader = Reader(sql, hive=True)
    reader.need("CREATE", "TABLE")
    reader.take("IF", "NOT", "EXISTS")
    hive_parser.table_name(reader)
    return reader.next.upper not in ("AS", "WITH")


def _create(reader: Reader) -> st.Statement:
    reader.need("CREATE")
    replace = reader.take("OR", "REPLACE")
    if reader.take("VIEW"):
        view = hive_parser.table_name(reader)
        reader.need("AS")
        return st.CreateView(view, reader.rest(), replace)
    reader.need("TABLE")
    if_not_exists = reader.take("IF", "NOT", "EXISTS")
    table = hive_parser.table_name(reader)
    properties = _properties(reader) if reader.take("WITH") else {}
    reader.need("AS")
    query, with_data = _without_data_clause(reader.rest())
    return st.CreateTableAs(table, query, properties, if_not_exists, with_data)


def _without_data_clause(query: str) -> tuple[str, bool]:
    """Cut ``WITH [NO] DATA`` off a query's end."""
    found = tokens(query)[:-1]
    words = [token.upper for token in found[-3:]]
    if words[-3:] == ["WITH", "NO", "DATA"]:
        return query[: found[-3].start], False
    if words[-2:] == ["WITH", "DATA"]:
        return query[: found[-2].start], True
    return query, True


def _insert(reader: Reader) -> st.Statement:
    reader.need("INSERT", "INTO")
    table = hive_parser.table_name(reader)
    columns: list[str] = []
    ahead = [token.upper for token in reader.all[reader.at : reader.at + 2]]
    if ahead[0] == "(" and ahead[1] not in QUERY_WORDS:
        reader.need("(")
        columns.append(reader.identifier())
        while reader.take(","):
            columns.append(reader.identifier())
        reader.need(")")
    return st.Insert(table, tuple(columns), reader.rest())


def _unload(reader: Reader) -> st.Statement:
    reader.need("UNLOAD")
    query = reader.group()
    reader.need("TO")
    location = reader.string()
    reader.need("WITH")
    return st.Unload(query, location, _properties(reader))


def _properties(reader: Reader) -> dict[str, str | tuple[str, ...]]:
    """``(name = literal, name = ARRAY['a', 'b'])``; names in lower case."""
    found: dict[str, str | tuple[str, ...]] = {}
    reader.need("(")
    while True:
        key = reader.identifier()
        reader.need("=")
        found[key] = _property_value(reader)
        if reader.take(")"):
            return found
        reader.need(",")


def _property_value(reader: Reader) -> str | tuple[str, ...]:
    if reader.take("ARRAY", "["):
        items = [reader.string()]
        while reader.take(","):
            items.append(reader.string())
        reader.need("]")
        return tuple(items)
    token = reader.step()
    if token.kind == "string":
        return token.value
    if token.kind in ("number", "word"):
        return token.text
    raise ParseError(f"{position(reader.sql, token.start)}: mismatched input '{token.text}'. Expecting: a literal")


def _explain(reader: Reader) -> st.Statement:
    reader.need("EXPLAIN")
    if reader.take("ANALYZE"):
        raise ParseError("NOT_SUPPORTED: EXPLAIN ANALYZE is not supported here; use EXPLAIN")
    form = "TEXT"
    if reader.next.upper == "(" and reader.all[reader.at + 1].upper in ("FORMAT", "TYPE"):
        words = reader.group().upper().split()
        if words[:1] != ["FORMAT"] or words[1:] not in (["TEXT"], ["JSON"]):
            raise ParseError("NOT_SUPPORTED: EXPLAIN takes (FORMAT TEXT) or (FORMAT JSON) here")
        form = words[1]
    query = reader.rest()
    if _first_words(query)[0] not in QUERY_WORDS:
        raise ParseError("NOT_SUPPORTED: EXPLAIN takes queries only here")
    return st.Explain(query, form)


def _prepare(reader: Reader) -> st.Statement:
    reader.need("PREPARE")
    label = reader.identifier()
    reader.need("FROM")
    return st.Prepare(label, reader.rest())


def _execute(reader: Reader) -> st.Statement:
    reader.need("EXECUTE")
    label = reader.identifier()
    arguments: tuple[str, ...] = ()
    if reader.take("USING"):
        arguments = tuple(split_arguments(reader.rest()))
    return st.Execute(label, arguments)


def split_arguments(text: str) -> list[str]:
    """The expressions of a comma-separated list."""
    found, start, depth = [], 0, 0
    for token in tokens(text):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(token.upper, 0)
        if (token.upper == "," and depth == 0) or token.kind == "end":
            found.append(text[start : token.start].strip())
            start = token.end
    return found


def _deallocate(reader: Reader) -> st.Statement:
    reader.need("DEALLOCATE", "PREPARE")
    return st.Deallocate(reader.identifier())


def _row_change(reader: Reader) -> st.Statement:
    verb = reader.step().upper
    for word in ROW_CHANGES[verb]:
        reader.need(word)
    table = hive_parser.table_name(reader)
    if reader.next.kind != "end":
        reader.rest()
    return st.RowChange(verb, table)


PARSERS: dict[str, Callable[[Reader], st.Statement]] = {
    "CREATE": _create,
    "INSERT": _insert,
    "UNLOAD": _unload,
    "EXPLAIN": _explain,
    "PREPARE": _prepare,
    "EXECUTE": _execute,
    "DEALLOCATE": _deallocate,
    **dict.fromkeys(ROW_CHANGES, _row_change),
}


def bind(sql: str, parameters: tuple[str, ...]) -> str:
    """Put literals in the place of ``?``.

    Raises ParseError if their numbers differ or a parameter is more than one literal.
    """
    found = tokens(sql)
    marks = [token for token in found if token.upper == "?"]
    if len(marks) != len(parameters):
        raise ParseError(f"Incorrect number of parameters: expected {len(marks)} but found {len(parameters)}")
    pieces, at = [], 0
    for mark, parameter in zip(marks, parameters, strict=True):
        pieces += [sql[at : mark.start], _literal(parameter)]
        at = mark.end
    return "".join(pieces) + sql[at:]


def _literal(text: str) -> str:
    """A literal as it is: a number, a string, a typed string such as ``DATE '2024-01-15'``, TRUE, FALSE or NULL."""
    found: list[Token] = tokens(text)[:-1]
    body = found[1:] if found and found[0].upper in ("-", "+") else found
    kinds = [token.kind for token in body]
    if kinds == ["number"] or (kinds == ["string"] and body is found):
        return f" {text.strip()} "
    if kinds == ["word"] and body[0].upper in ("TRUE", "FALSE", "NULL"):
        return f" {text.strip()} "
    if kinds == ["word", "string"] and body[0].upper in ("DATE", "TIMESTAMP", "TIME", "DECIMAL", "DOUBLE", "REAL"):
        return f" {text.strip()} "
    raise ParseError(f"Execution parameter {text!r} is not a literal: a string needs single quotes around it")
