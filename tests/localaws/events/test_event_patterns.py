"""Event patterns: each operator, with what it takes and what it leaves."""

import json

import pytest

from localaws.core import AwsError
from localaws.events.patterns import compile_pattern

EVENT = {
    "source": "aws.s3",
    "detail-type": "Object Created",
    "resources": ["arn:aws:s3:::one", "arn:aws:s3:::two"],
    "detail": {
        "bucket": {"name": "one"},
        "object": {"key": "in/sign-ups.CSV", "size": 20},
        "ip": "10.0.0.7",
        "none": None,
        "yes": True,
        "many": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}],
        "empty": [],
    },
}


def detail(**wanted):
    return {"detail": wanted}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ({"source": ["aws.s3"]}, True),
        ({"source": ["aws.glue", "aws.s3"]}, True),
        ({"source": ["aws.s"]}, False),
        ({"source": ["aws.s3"], "detail-type": ["Object Deleted"]}, False),
        ({"resources": ["arn:aws:s3:::two"]}, True),
        ({"resources": ["arn:aws:s3:::three"]}, False),
        (detail(bucket={"name": ["one"]}, object={"key": [{"prefix": "in/"}]}), True),
        (detail(object={"key": [{"prefix": "out/"}, {"suffix": ".CSV"}]}), True),
        (detail(object={"key": [{"suffix": ".csv"}]}), False),
        (detail(object={"key": [{"suffix": {"equals-ignore-case": ".csv"}}]}), True),
        (detail(object={"key": [{"prefix": {"equals-ignore-case": "IN/"}}]}), True),
        (detail(object={"key": [{"equals-ignore-case": "IN/SIGN-UPS.csv"}]}), True),
        (detail(object={"key": [{"wildcard": "in/*-ups.*"}]}), True),
        (detail(object={"key": [{"wildcard": "*-ups"}]}), False),
        (detail(object={"key": [{"wildcard": "in\\*"}]}), False),
        (detail(object={"key": [{"anything-but": "in/other"}]}), True),
        (detail(object={"key": [{"anything-but": ["a", "in/sign-ups.CSV"]}]}), False),
        (detail(object={"key": [{"anything-but": {"prefix": "in/"}}]}), False),
        (detail(object={"key": [{"anything-but": {"prefix": ["out/", "tmp/"]}}]}), True),
        (detail(object={"key": [{"anything-but": {"suffix": ".CSV"}}]}), False),
        (detail(object={"key": [{"anything-but": {"wildcard": "*tmp*"}}]}), True),
        (detail(object={"key": [{"anything-but": {"equals-ignore-case": ["IN/SIGN-UPS.CSV"]}}]}), False),
        (detail(missing=[{"anything-but": "x"}]), False),
        (detail(object={"size": [20]}), True),
        (detail(object={"size": [20.0]}), True),
        (detail(object={"size": ["20"]}), False),
        (detail(object={"size": [{"numeric": [">", 10, "<=", 20]}]}), True),
        (detail(object={"size": [{"numeric": ["<", 20]}]}), False),
        (detail(object={"size": [{"numeric": ["=", 20]}]}), True),
        (detail(object={"key": [{"numeric": [">", 0]}]}), False),
        (detail(object={"key": [{"exists": True}]}), True),
        (detail(object={"version-id": [{"exists": False}]}), True),
        (detail(nowhere={"at": {"all": [{"exists": False}]}}), True),
        (detail(object={"key": [{"exists": False}]}), False),
        (detail(empty=[{"exists": False}]), True),
        (detail(none=[None]), True),
        (detail(missing=[None]), False),
        (detail(yes=[True]), True),
        (detail(yes=[1]), False),
        (detail(ip=[{"cidr": "10.0.0.0/24"}]), True),
        (detail(ip=[{"cidr": "10.0.1.0/24"}]), False),
        (detail(many={"a": [2], "b": ["y"]}), True),
        (detail(many={"b": ["z"]}), False),
        ({"$or": [{"source": ["no"]}, {"detail-type": ["Object Created"]}]}, True),
        ({"source": ["aws.s3"], "detail": {"$or": [{"ip": ["x"]}, {"yes": [False]}]}}, False),
    ],
)
def test_what_a_pattern_matches(pattern, expected):
    assert compile_pattern(json.dumps(pattern))(EVENT) is expected


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("{", "it is not JSON"),
        ("[]", "Filter is not an object"),
        ("{}", "Empty patterns are not allowed"),
        ('{"source": "a"}', '"source" must be an object or an array'),
        ('{"source": []}', "Empty arrays are not allowed"),
        ('{"detail": {}}', "Empty objects are not allowed"),
        ('{"source": [{"like": "a"}]}', "Unrecognized match type like"),
        ('{"source": [{"prefix": 1}]}', "prefix match pattern must be a string"),
        ('{"source": [{"prefix": "a", "suffix": "b"}]}', "Only one key allowed"),
        ('{"source": [["a"]]}', "Match value must be"),
        ('{"source": [{"exists": "yes"}]}', "must be either true or false"),
        ('{"a": [{"numeric": [">"]}]}', "Invalid member in numeric match"),
        ('{"a": [{"numeric": ["~", 1]}]}', "Unrecognized numeric range operator: ~"),
        ('{"a": [{"numeric": [">", 5, "<", 1]}]}', "Bottom must be less than top"),
        ('{"a": [{"cidr": "10.0.0"}]}', "Malformed CIDR"),
        ('{"a": [{"wildcard": "a**"}]}', "Consecutive wildcard"),
        ('{"a": [{"anything-but": {"numeric": ["=", 1]}}]}', "Unsupported anything-but pattern"),
        ('{"$or": [{"a": [1]}]}', "at least two"),
    ],
)
def test_what_is_no_pattern(pattern, reason):
    with pytest.raises(AwsError) as error:
        compile_pattern(pattern)
    assert error.value.code == "InvalidEventPatternException"
    assert error.value.message.startswith("Event pattern is not valid. Reason: ")
    assert reason in error.value.message
