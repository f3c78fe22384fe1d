"""Lambda transforms: the three results, failures, retries, keys from the function."""

import base64
import json

ECHO = """
import base64, json

def main(event, context):
    out = []
    for record in event["records"]:
        data = json.loads(base64.b64decode(record["data"]))
        answer = {"recordId": record["recordId"], "result": data.get("result", "Ok"), "data": record["data"]}
        if data.get("upper"):
            answer["data"] = base64.b64encode(data["upper"].upper().encode()).decode()
        if data.get("key"):
            answer["metadata"] = {"partitionKeys": {"k": data["key"]}}
        if data.get("skip"):
            continue
        out.append(answer)
        if data.get("twice"):
            out.append(answer)
    return {"records": out}
"""


def decoded(errors):
    return [(one["errorCode"], json.loads(base64.b64decode(one["rawData"]))) for one in errors]


def test_ok_dropped_and_failed(stream, function):
    arn = function(ECHO)
    stream.create(processors=[("Lambda", {"LambdaArn": arn, "NumberOfRetries": "0"}), "AppendDelimiterToRecord"])
    stream.put(
        {"upper": "a"},
        {"result": "Dropped"},
        {"result": "ProcessingFailed"},
        {"skip": True},
        {"twice": True},
        {"result": "Strange"},
        {"upper": "b"},
    )
    found = stream.wait(2)
    (good,) = (body for key, body in found.items() if "failed" not in key)
    assert good == b"A\nB\n"
    errors = stream.errors()
    assert decoded(errors) == [
        ("Lambda.ProcessingFailedStatus", {"result": "ProcessingFailed"}),
        ("Lambda.MissingRecordId", {"skip": True}),
        ("Lambda.DuplicatedRecordId", {"twice": True}),
        ("Lambda.JsonProcessingException", {"result": "Strange"}),
    ]
    assert errors[0].keys() == {
        "attemptsMade",
        "arrivalTimestamp",
        "errorCode",
        "errorMessage",
        "attemptEndingTimestamp",
        "rawData",
        "lambdaArn",
    }
    assert errors[0]["lambdaArn"] == arn and errors[0]["attemptsMade"] == 1
    assert errors[0]["errorMessage"] == "ProcessingFailed status set for record"


def test_the_event_is_firehoses(stream, function):
    arn = function(
        """
        import base64, json
        def main(event, context):
            (record,) = event["records"]
            event["records"] = [dict(record)]
            data = base64.b64encode(json.dumps(event).encode()).decode()
            return {"records": [{"recordId": record["recordId"], "result": "Ok", "data": data}]}
        """
    )
    made = stream.create(processors=[("Lambda", {"LambdaArn": arn})])
    (identifier,) = stream.put(b"hello")
    (body,) = stream.wait().values()
    event = json.loads(body)
    assert event.pop("invocationId")
    (record,) = event.pop("records")
    assert event == {"deliveryStreamArn": made, "region": "us-east-1"}
    assert abs(record.pop("approximateArrivalTimestamp") / 1000 - __import__("time").time()) < 60
    assert record == {"recordId": identifier, "data": "aGVsbG8="}


def test_a_function_that_raises_is_tried_again_then_skipped(stream, function, tmp_path):
    calls = tmp_path / "calls"
    arn = function(
        f"""
        def main(event, context):
            with open({str(calls)!r}, "a") as target:
                target.write("x")
            raise RuntimeError("no")
        """
    )
    stream.create(processors=[("Lambda", {"LambdaArn": arn, "NumberOfRetries": "2"})])
    stream.put({"a": 1}, {"a": 2})
    errors = stream.errors()
    assert decoded(errors) == [("Lambda.FunctionError", {"a": 1}), ("Lambda.FunctionError", {"a": 2})]
    assert {one["attemptsMade"] for one in errors} == {3} and calls.read_text() == "xxx"
    message = "The Lambda function was successfully invoked but it returned an error result."
    assert errors[0]["errorMessage"] == message


def test_a_function_that_recovers_loses_nothing(stream, function, tmp_path):
    marker = tmp_path / "marker"
    arn = function(
        f"""
        import pathlib
        def main(event, context):
            marker = pathlib.Path({str(marker)!r})
            if not marker.exists():
                marker.write_text("x")
                raise RuntimeError("the first time only")
            return {{"records": [{{**one, "result": "Ok"}} for one in event["records"]]}}
        """
    )
    stream.create(processors=[("Lambda", {"LambdaArn": arn})])
    stream.put(b"a", b"b")
    assert list(stream.wait().values()) == [b"ab"]


def test_a_missing_function_and_a_strange_answer(stream, function):
    arn = function("def main(event, context): return 'what?'")
    stream.create(processors=[("Lambda", {"LambdaArn": arn, "NumberOfRetries": "0"})])
    stream.put({"a": 1})
    assert decoded(stream.errors()) == [("Lambda.JsonProcessingException", {"a": 1})]
    missing = "arn:aws:lambda:us-east-1:123456789012:function:none-such"
    stream.firehose.update_destination(
        DeliveryStreamName=stream.name,
        CurrentDeliveryStreamVersionId="1",
        DestinationId="destinationId-000000000001",
        ExtendedS3DestinationUpdate={
            "ProcessingConfiguration": {
                "Enabled": True,
                "Processors": [
                    {
                        "Type": "Lambda",
                        "Parameters": [
                            {"ParameterName": "LambdaArn", "ParameterValue": missing},
                            {"ParameterName": "NumberOfRetries", "ParameterValue": "0"},
                        ],
                    }
                ],
            }
        },
    )
    stream.put({"a": 2})
    assert ("Lambda.ResourceNotFound", {"a": 2}) in decoded(stream.errors(2))


def test_partition_keys_from_the_function(stream, function):
    stream.create(
        DynamicPartitioningConfiguration={"Enabled": True},
        Prefix="k=!{partitionKeyFromLambda:k}/",
        ErrorOutputPrefix="bad/",
        processors=[("Lambda", {"LambdaArn": function(ECHO)})],
    )
    stream.put({"key": "x"}, {"key": "y"}, {"key": "x"}, {"none": 1})
    (error,) = stream.errors(prefix="bad/")
    assert error["errorMessage"] == "partitionKeys values must not be null or empty"
    found = {key.split("/")[0]: body for key, body in stream.objects("k=").items()}
    assert found == {"k=x": b'{"key": "x"}{"key": "x"}', "k=y": b'{"key": "y"}'}


def test_batches_stay_below_the_functions_limit(stream, function):
    arn = function(
        """
        import base64
        def main(event, context):
            size = str(sum(len(base64.b64decode(one["data"])) for one in event["records"])).encode()
            return {"records": [{"recordId": one["recordId"], "result": "Ok" if n == 0 else "Dropped",
                     "data": base64.b64encode(size + b",").decode()} for n, one in enumerate(event["records"])]}
        """
    )
    stream.create(size=5, processors=[("Lambda", {"LambdaArn": arn, "BufferSizeInMBs": "1"})])
    stream.put(*[b"x" * 400_000] * 7)
    (body,) = stream.wait().values()
    assert body == b"800000,800000,800000,400000,"
