"""What targets are sent: Input, InputPath, InputTransformer."""

import json

import pytest

from localaws.core import AwsError
from localaws.events.inputs import MISSING, check_input, input_for, look_up

RULE = "arn:aws:events:us-east-1:123456789012:rule/arrived"
EVENT = {"id": "1", "source": "aws.s3", "detail": {"key": 'a "b" ü', "size": 3, "tags": ["x", "y"], "o": {"p": None}}}


def sent(**target):
    check_input({"Id": "t", **target})
    return input_for({"Id": "t", **target}, EVENT, RULE, "2026-01-02T03:04:05Z")


def template(text, **paths):
    return sent(InputTransformer={"InputPathsMap": paths, "InputTemplate": text})


def test_the_whole_event_a_constant_or_a_part():
    assert json.loads(sent()) == EVENT
    assert sent(Input='{"constant": true}') == '{"constant": true}'
    assert sent(InputPath="$.detail.tags") == '["x","y"]'
    assert sent(InputPath="$.detail.key") == '"a \\"b\\" ü"'


def test_a_template_of_json():
    text = template(
        '{"k": <k>, "said": "<k>: <n> of <t>", "n": <n>, "t": <t>, "o": <o>, "no": <no>, '
        '"rule": "<aws.events.rule-name>"}',
        k="$.detail.key",
        n="$.detail.size",
        t="$.detail.tags[0]",
        o="$.detail.o",
        no="$.detail.nothing",
    )
    assert json.loads(text) == {
        "k": 'a "b" ü',
        "said": 'a "b" ü: 3 of x',
        "n": 3,
        "t": "x",
        "o": {"p": None},
        "no": None,
        "rule": "arrived",
    }


def test_a_template_of_text_and_what_eventbridge_knows():
    assert template('"<n> bytes"', n="$.detail.size") == '"3 bytes"'
    assert template("at <aws.events.event.ingestion-time> by <aws.events.rule-arn>") == (
        f'at "2026-01-02T03:04:05Z" by "{RULE}"'
    )
    assert json.loads(template('{"e": <aws.events.event.json>}')) == {"e": EVENT}
    assert json.loads(template('{"e": <aws.events.event>}')) == {"e": {"id": "1", "source": "aws.s3"}}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", EVENT),
        ("$.detail.tags[1]", "y"),
        ("$.detail.tags[2]", MISSING),
        ("$.detail['size']", 3),
        ("$.detail.tags[*]", ["x", "y"]),
        ("$.detail.o.p", None),
    ],
)
def test_paths(path, expected):
    assert look_up(EVENT, path) == expected


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ({"Input": "{"}, "JSON syntax error in input for target t"),
        ({"Input": "1", "InputPath": "$"}, "Only one of Input, InputPath, or InputTransformer"),
        ({"InputPath": "detail"}, "Invalid JSON path 'detail'"),
        ({"InputTransformer": {"InputTemplate": "<x>"}}, "contains invalid placeholder x"),
        ({"InputTransformer": {"InputPathsMap": {"aws.x": "$.id"}, "InputTemplate": "1"}}, "reserved"),
    ],
)
def test_what_could_never_be_sent_is_refused(target, message):
    with pytest.raises(AwsError) as error:
        check_input({"Id": "t", **target})
    assert error.value.code == "ValidationException"
    assert message in error.value.message
