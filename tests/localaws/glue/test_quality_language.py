from __future__ import annotations

from datetime import timedelta

import pytest

from localaws.core import AwsError
from localaws.glue_quality.evaluation import read
from localaws.glue_quality.language import Composite, Condition, Keyword, Moment, Number, Rule


def one(text):
    (rule,) = read(f"Rules = [ {text} ]")
    return rule


def test_a_rule_has_parameters_a_condition_a_threshold_and_a_where():
    rule = one('ColumnValues "amount"  not between -1.5 and 10 with threshold >= 0.9 where "region = \'EU\'"')
    assert rule == Rule(
        kind="ColumnValues",
        parameters=("amount",),
        condition=Condition("not between", (Number("-1.5"), Number("10"))),
        threshold=Condition(">=", (Number("0.9"),)),
        where="region = 'EU'",
        text='ColumnValues "amount" not between -1.5 and 10 with threshold >= 0.9 where "region = \'EU\'"',
    )


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ('ColumnValues "a" in ["x", NULL, EMPTY]', Condition("in", ("x", Keyword("NULL"), Keyword("EMPTY")))),
        (r'ColumnValues "a" matches "[A-Z]\d+ \"x\""', Condition("matches", (r'[A-Z]\d+ "x"',))),
        ('ColumnValues "a" > (now() - 3 days)', Condition(">", (Moment(timedelta(days=-3)),))),
        ('ColumnValues "a" > now()', Condition(">", (Moment(),))),
        ('DataFreshness "a" between 2 hours and 3 days', Condition("between", (timedelta(hours=2), timedelta(days=3)))),
        ('CustomSql "select 1" != 1e3', Condition("!=", (Number("1e3"),))),
    ],
)
def test_conditions(text, condition):
    assert one(text).condition == condition


def test_rules_are_composed_and_commented():
    rules = read(
        """
        # What must hold of sales
        Rules = [
            RowCount > 0,  # some
            ((IsComplete "a") or (IsUnique "b")) and (ColumnCount = 3),
        ]
        """
    )
    assert rules[0].kind == "RowCount"
    whole = rules[1]
    assert isinstance(whole, Composite)
    assert (whole.operator, whole.parts[0].operator, whole.parts[1].kind) == ("and", "or", "ColumnCount")
    assert whole.text == '((IsComplete "a") or (IsUnique "b")) and (ColumnCount = 3)'


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("Rules = [ RowCont > 1 ]", "InvalidInputException", "line 1:11 'RowCont' is not a rule type"),
        ("Rules = [\n RowCount > ]", "InvalidInputException", "line 2:13 ']' is not a value"),
        ("Rules = [ RowCount ]", "InvalidInputException", "RowCount needs a condition"),
        ('Rules = [ IsComplete "a" > 1 ]', "InvalidInputException", "IsComplete takes no condition"),
        ("Rules = [ IsComplete ]", "InvalidInputException", "has 0 parameters in quotation marks; it takes 1"),
        ('Rules = [ ColumnExists "a" where "b" ]', "InvalidInputException", "ColumnExists takes no where"),
        ("Rules = []", "InvalidInputException", "has no rules"),
        ('Rules = [ IsComplete "a ]', "InvalidInputException", "line 1:22 the quotation mark is not closed"),
        ("Rules = [ RowCount > 1", "InvalidInputException", "the end': expected is ','"),
        (
            'Rules = [ (RowCount > 1) and (IsUnique "a") or (IsUnique "b") ]',
            "InvalidInputException",
            "and and or are mixed",
        ),
        ("Rules = [ RowCount > avg(last(10)) ]", "InvalidInputException", "dynamic rule, which Glue takes in ETL jobs"),
        ('Rules = [ DetectPII "a" ]', "NotSupportedByLocalAws", "DetectPII is not done"),
        ("Rules = [ RowCount > 1 ] Analyzers = [ RowCount ]", "NotSupportedByLocalAws", "Analyzers are not done"),
        ('Rules = [ IsComplete "a" with level = "x" ]', "NotSupportedByLocalAws", "with level is not done"),
    ],
)
def test_what_is_refused(text, code, message):
    with pytest.raises(AwsError) as caught:
        read(text)
    assert caught.value.code == code
    assert message in caught.value.message
