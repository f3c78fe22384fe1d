"""What the engine relies on: the uses of tables, the syntax trees, the values, the functions' coverage, the speed."""

import statistics
import time
from datetime import date
from pathlib import Path

import pytest
from sqlglot import exp

from localaws.athena.translate import Predicate, TableRef, parse, prepare, translate_query
from localaws.athena.translate.functions import aggregates, calls, windows


def refs(translate, sql):
    return translate(sql).tables


def test_a_use_of_a_table_names_the_columns_that_are_read(translate):
    assert refs(translate, "SELECT company FROM logins WHERE day IS NULL") == (
        TableRef("db", "logins", ("day", "company"), ()),
    )


def test_counting_rows_reads_no_column(translate):
    assert refs(translate, "SELECT count(*) FROM logins") == (TableRef("db", "logins", (), ()),)


def test_each_use_of_a_table_is_told_by_itself(translate):
    first, second = refs(translate, "SELECT a.n FROM numbers a JOIN numbers b ON a.n = b.t WHERE b.s = 1")
    assert (first.columns, first.predicates) == (("n",), ())
    assert (second.columns, second.predicates) == (("t", "s"), (Predicate("s", "=", (1,)),))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("dt = '2024-01'", [Predicate("dt", "=", ("2024-01",))]),
        ("'2024-01' < dt", [Predicate("dt", ">", ("2024-01",))]),
        ("dt IN ('a', 'b') AND seconds > 1", [Predicate("dt", "in", ("a", "b")), Predicate("seconds", ">", (1,))]),
        ("dt BETWEEN 'a' AND 'b'", [Predicate("dt", "between", ("a", "b"))]),
        ("(dt >= 'a' AND (dt < 'b'))", [Predicate("dt", ">=", ("a",)), Predicate("dt", "<", ("b",))]),
        ("day >= DATE '2024-02-01'", [Predicate("day", ">=", (date(2024, 2, 1),))]),
        ("seconds = -1", [Predicate("seconds", "=", (-1,))]),
        ("dt = 'a' OR dt = 'b'", []),
        ("dt NOT IN ('a')", []),
        ("dt = company", []),
        ("dt IN ('a', NULL)", []),
        ("substr(dt, 1, 4) = '2024'", []),
    ],
)
def test_conjuncts_that_compare_a_column_with_literals_are_told(translate, condition, expected):
    (ref,) = refs(translate, f"SELECT 1 FROM logins WHERE {condition}")
    assert list(ref.predicates) == expected


def test_a_renamed_column_keeps_its_name_in_the_catalog(translate):
    (ref,) = refs(translate, "SELECT a FROM mixed AS m (a, b) WHERE b = 'x'")
    assert ref == TableRef("db", "mixed", ("select", "id"), (Predicate("select", "=", ("x",)),))


def test_a_query_inside_of_a_statement_is_translated_from_its_tree(connection, catalog, now):
    create = parse("CREATE TABLE x AS SELECT n FROM numbers WHERE n = 2")
    query = translate_query(create.expression, catalog, database="db", table_sql=lambda ref: ref.table, now=now)
    assert connection.execute(query.sql).fetchall() == [(2,)]


def test_a_tree_of_another_dialect_is_not_taken(catalog, now):
    tree = exp.select("1")
    with pytest.raises(TypeError, match="made by translate"):
        translate_query(tree, catalog, database="db", table_sql=lambda ref: ref.table, now=now)


def test_prepare_may_be_called_again(connection):
    prepare(connection)
    assert connection.execute("SELECT athena_substr('abc', -2)").fetchone() == ("bc",)


def test_every_function_has_a_case(corpus):
    named: set[str] = set()
    for case in corpus:
        if case.error is not None and case.error.startswith("SYNTAX_ERROR"):
            continue
        for node in parse(case.sql).walk():
            if isinstance(node, exp.Anonymous):
                named.add(node.name.lower())
            elif type(node) in SPELLED:
                named.add(SPELLED[type(node)])
    known = {*calls.SCALARS, *calls.SPECIAL, *aggregates.TABLE, *aggregates.SPECIAL, *windows.TABLE} - {"$extract"}
    assert sorted(known - named) == []


SPELLED = {
    exp.CurrentDate: "current_date",
    exp.CurrentTimestamp: "current_timestamp",
    exp.Localtimestamp: "localtimestamp",
    exp.Trim: "trim",
    exp.StrPosition: "strpos",
    exp.Substring: "substr",
    exp.GroupConcat: "listagg",
}


LONG_QUERY = """
WITH logins_of_month AS (
    SELECT user_id, company, date_trunc('month', at) AS month, max(at) AS last_login_at, count(*) AS logins
    FROM logins
    WHERE dt IN ('2024-01', '2024-02') AND at >= TIMESTAMP '2024-01-01 00:00:00' AND company IS NOT NULL
    GROUP BY user_id, company, date_trunc('month', at)
), counted AS (
    SELECT month, company, count(DISTINCT user_id) AS active_users, sum(logins) AS logins
    FROM logins_of_month
    GROUP BY 1, 2
), months AS (
    SELECT m AS month FROM UNNEST(sequence(DATE '2024-01-01', DATE '2024-03-01', INTERVAL '1' MONTH)) AS t (m)
), spread AS (
    SELECT months.month, counted.company, coalesce(counted.active_users, 0) AS active_users,
        coalesce(counted.logins, 0) AS logins,
        lag(counted.active_users) OVER (PARTITION BY counted.company ORDER BY months.month) AS before
    FROM months
    LEFT JOIN counted ON CAST(counted.month AS date) = months.month
), first_seen AS (
    SELECT company, min(month) AS first_month FROM counted GROUP BY company
)
SELECT
    date_format(CAST(s.month AS timestamp), '%Y-%m') AS month,
    sum(s.active_users) AS active_users,
    count(DISTINCT CASE WHEN s.active_users > 0 THEN s.company END) AS active_companies,
    (SELECT count(*) FROM first_seen f WHERE f.first_month <= s.month) AS companies_so_far,
    CAST(sum(s.logins) AS double) / nullif(sum(s.active_users), 0) AS logins_per_user,
    max_by(s.company, s.logins) AS busiest
FROM spread s
GROUP BY s.month
ORDER BY s.month
"""


def test_a_long_query_is_translated_in_fifty_milliseconds(translate):
    sql = LONG_QUERY + "".join(f"-- line {n}\n" for n in range(20))
    translate(sql)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        translate(sql)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.05, f"median {statistics.median(times):.3f} s"


def test_a_long_query_answers(run):
    columns, rows = run(LONG_QUERY)
    assert [c.type for c in columns] == ["varchar", "bigint", "bigint", "bigint", "double", "varchar"]
    assert rows == [
        ["2024-01", 1, 1, 1, 1.0, "acme"],
        ["2024-02", 2, 2, 2, 1.0, rows[1][5]],
        ["2024-03", 0, 0, 2, None, None],
    ]


def test_the_document_lists_every_function():
    document = (Path(__file__).parents[3] / "docs" / "localaws" / "athena-sql.md").read_text(encoding="utf-8")
    known = {*calls.SCALARS, *calls.SPECIAL, *aggregates.TABLE, *aggregates.SPECIAL, *windows.TABLE} - {"$extract"}
    assert sorted(name for name in known if f"`{name}`" not in document) == []
