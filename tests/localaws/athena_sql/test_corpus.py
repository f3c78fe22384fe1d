"""Runs every case of the corpus: names, types, rows and errors must be exactly those that it expects."""

import pytest

from localaws.athena.translate import SqlError
from localaws.core import NotSupported


def test_case(case, run):
    if case.refused is not None:
        with pytest.raises(NotSupported) as refusal:
            run(case.sql)
        assert case.refused in refusal.value.message
        return
    if case.error is not None:
        with pytest.raises(SqlError) as failure:
            run(case.sql)
        assert failure.value.message == case.error
        return
    columns, rows = run(case.sql)
    named = [f"{c.name}: {c.type}" if ": " in e else c.type for c, e in zip(columns, case.columns, strict=True)]
    assert named == case.columns
    assert rows == case.rows
    assert [[type(v) for v in r] for r in rows] == [[type(v) for v in r] for r in case.rows]


def test_the_corpus_is_large_and_says_where_each_expectation_comes_from(corpus):
    assert len({case.sql for case in corpus}) == len(corpus), "two cases have the same SQL"
    assert len(corpus) >= 300
    assert all(case.source for case in corpus)
