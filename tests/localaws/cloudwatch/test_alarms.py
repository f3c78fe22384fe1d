"""CloudWatch: what is put is read back by period; alarms find their state and act."""

import json
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from localaws.cloudwatch.evaluation import compile_rule, judge
from localaws.cloudwatch.expressions import evaluate
from localaws.cloudwatch.metrics_api import MetricsApi
from localaws.cloudwatch.series import Bucket, Metrics
from localaws.core import AwsError

ACCOUNT = "123456789012"
START = datetime(2026, 1, 2, 3, 0, tzinfo=UTC)


@pytest.fixture
def cloudwatch(client):
    return client("cloudwatch")


@pytest.fixture
def namespace():
    return f"Test/{uuid.uuid4().hex[:12]}"


@pytest.fixture
def evaluate_now(aws):
    """Evaluates all alarms as if it were then."""
    return lambda moment: aws.engines["cloudwatch"]._alarms.evaluate(moment.timestamp())


@pytest.fixture(autouse=True)
def by_hand(monkeypatch):
    """Alarms are evaluated when a test says so."""
    monkeypatch.setenv("LOCALAWS_ALARMS_SECONDS", "3600")


@pytest.fixture
def alarm(cloudwatch, namespace):
    """Makes an alarm on the metric m; its name."""
    made = []

    def make(**settings):
        name = f"a-{uuid.uuid4().hex[:12]}"
        given = {
            "AlarmName": name,
            "Namespace": namespace,
            "MetricName": "m",
            "Statistic": "Sum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 10,
            "ComparisonOperator": "GreaterThanThreshold",
            **settings,
        }
        cloudwatch.put_metric_alarm(**{key: value for key, value in given.items() if value is not None})
        made.append(name)
        return name

    yield make
    cloudwatch.delete_alarms(AlarmNames=made)


def put(cloudwatch, namespace, values, name="m", **more):
    """Values by minutes after START."""
    data = [
        {"MetricName": name, "Timestamp": START + timedelta(minutes=minute), "Value": value, **more}
        for minute, value in values
    ]
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)


def state_of(cloudwatch, name):
    return cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"]


def test_what_is_put_is_read_by_period(cloudwatch, namespace):
    dimensions = [{"Name": "region", "Value": "EU"}]
    put(cloudwatch, namespace, [(0, 1), (0.5, 3), (1, 10), (5, 7)], Dimensions=dimensions, Unit="Count")
    put(cloudwatch, namespace, [(0, 1000)])
    asked = {"Namespace": namespace, "MetricName": "m", "Dimensions": dimensions}
    answer = cloudwatch.get_metric_statistics(
        **asked,
        StartTime=START,
        EndTime=START + timedelta(minutes=10),
        Period=120,
        Statistics=["SampleCount", "Sum", "Average", "Minimum", "Maximum"],
        ExtendedStatistics=["p50"],
    )
    found = sorted(answer["Datapoints"], key=lambda point: point["Timestamp"])
    assert found[0] == {
        "Timestamp": START,
        "SampleCount": 3.0,
        "Sum": 14.0,
        "Average": 14 / 3,
        "Minimum": 1.0,
        "Maximum": 10.0,
        "Unit": "Count",
        "ExtendedStatistics": {"p50": 3.0},
    }
    assert [point["Timestamp"] for point in found] == [START, START + timedelta(minutes=4)]
    metrics = cloudwatch.list_metrics(Namespace=namespace)["Metrics"]
    assert {len(metric["Dimensions"]) for metric in metrics} == {0, 1}
    (metric,) = cloudwatch.list_metrics(Namespace=namespace, Dimensions=[{"Name": "region"}])["Metrics"]
    assert metric["Dimensions"] == dimensions


def test_sets_and_arrays_of_values(cloudwatch, namespace):
    data = [
        {"MetricName": "m", "Timestamp": START, "Values": [1, 5], "Counts": [3, 1]},
        {
            "MetricName": "m",
            "Timestamp": START,
            "StatisticValues": {"SampleCount": 2, "Sum": 30, "Minimum": 10, "Maximum": 20},
        },
    ]
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)
    (point,) = cloudwatch.get_metric_statistics(
        Namespace=namespace,
        MetricName="m",
        StartTime=START,
        EndTime=START + timedelta(minutes=1),
        Period=60,
        Statistics=["SampleCount", "Sum", "Maximum"],
    )["Datapoints"]
    assert (point["SampleCount"], point["Sum"], point["Maximum"]) == (6, 38, 20)


def test_metric_data_with_arithmetic(cloudwatch, namespace):
    put(cloudwatch, namespace, [(0, 100), (1, 200), (2, 50)], "all")
    put(cloudwatch, namespace, [(0, 5), (2, 5)], "errors")

    def stat(name):
        return {"Metric": {"Namespace": namespace, "MetricName": name}, "Period": 60, "Stat": "Sum"}

    answer = cloudwatch.get_metric_data(
        MetricDataQueries=[
            {"Id": "share", "Expression": "100 * FILL(bad, 0) / whole", "Label": "errors"},
            {"Id": "whole", "MetricStat": stat("all"), "ReturnData": False},
            {"Id": "bad", "MetricStat": stat("errors"), "ReturnData": False},
        ],
        StartTime=START,
        EndTime=START + timedelta(minutes=3),
        ScanBy="TimestampAscending",
    )
    (result,) = answer["MetricDataResults"]
    assert (result["Label"], result["Values"], result["StatusCode"]) == ("errors", [5.0, 0.0, 10.0], "Complete")
    assert result["Timestamps"] == [START + timedelta(minutes=minute) for minute in range(3)]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a + b", {1: 11.0}),
        ("-a * 2", {1: -2.0, 2: -4.0}),
        ("(a - 1) / (a - 1)", {2: 1.0}),
        ("FILL(b, 0)", {1: 10.0, 2: 0.0}),
        ("7", {1: 7.0, 2: 7.0}),
    ],
)
def test_expressions(expression, expected):
    assert evaluate(expression, {"a": {1: 1.0, 2: 2.0}, "b": {1: 10.0}}) == expected


@pytest.mark.parametrize(
    "expression", ["ANOMALY_DETECTION_BAND(a)", "a.b", "__import__('os')", "a if a else b", "c", ""]
)
def test_expressions_that_are_refused(expression):
    with pytest.raises(AwsError, match="is refused"):
        evaluate(expression, {"a": {1: 1.0}})


# The tables of CloudWatch's documentation, newest last: X breaches, 0 does not, - is missing.
@pytest.mark.parametrize(
    ("points", "needed", "missing", "ignore", "breaching", "not_breaching"),
    [
        ("0-X-X", 3, "OK", "OK", "OK", "OK"),
        ("----0", 3, "OK", "OK", "OK", "OK"),
        ("-----", 3, "INSUFFICIENT_DATA", None, "ALARM", "OK"),
        ("0XX-X", 3, "ALARM", "ALARM", "ALARM", "ALARM"),
        ("--X--", 3, "ALARM", None, "ALARM", "OK"),
        ("0-X-X", 2, "ALARM", "ALARM", "ALARM", "ALARM"),
        ("00X0X", 2, "ALARM", "ALARM", "ALARM", "ALARM"),
        ("0-X--", 2, "OK", "OK", "ALARM", "OK"),
        ("----0", 2, "OK", "OK", "ALARM", "OK"),
        ("---X-", 2, "ALARM", None, "ALARM", "OK"),
    ],
)
def test_how_missing_data_is_treated(points, needed, missing, ignore, breaching, not_breaching):
    metrics = Metrics()
    now = START.timestamp()
    for place, mark in enumerate(points):
        if mark != "-":
            bucket = Bucket()
            bucket.add(11 if mark == "X" else 1)
            metrics.record(("n", "m", ()), now - 60 * (len(points) - place), bucket)
    alarm = {
        "Namespace": "n",
        "MetricName": "m",
        "Statistic": "Maximum",
        "Period": 60,
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": needed,
        "Threshold": 10,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    treated = {"missing": missing, "ignore": ignore, "breaching": breaching, "notBreaching": not_breaching}
    for treatment, expected in treated.items():
        assert judge({**alarm, "TreatMissingData": treatment}, MetricsApi(metrics), now).state == expected, treatment


def test_an_alarm_goes_off_tells_its_topic_and_eventbridge_once_and_recovers(
    client, cloudwatch, namespace, alarm, evaluate_now
):
    sns, sqs, events = client("sns"), client("sqs"), client("events")
    queue = f"q-{uuid.uuid4().hex[:12]}"
    url = sqs.create_queue(QueueName=queue)["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{queue}"
    topic = sns.create_topic(Name=queue)["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    name = alarm(AlarmActions=[topic], OKActions=[topic], AlarmDescription="too many", DatapointsToAlarm=1)
    pattern = {"source": ["aws.cloudwatch"], "detail": {"alarmName": [name]}}
    events.put_rule(Name=queue, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=queue, Targets=[{"Id": "q", "Arn": arn}])

    def take(count):
        found, end = [], time.monotonic() + 60
        while len(found) < count and time.monotonic() < end:
            for message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1, MaxNumberOfMessages=10).get(
                "Messages", []
            ):
                found.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        assert len(found) == count
        return sorted(found, key=lambda body: "detail" in body)

    assert state_of(cloudwatch, name) == "INSUFFICIENT_DATA"
    put(cloudwatch, namespace, [(0, 6), (0.5, 6)])
    for seconds in (61, 65, 100):
        evaluate_now(START + timedelta(seconds=seconds))
    assert state_of(cloudwatch, name) == "ALARM"
    told, event = take(2)
    assert told["Subject"] == f'ALARM: "{name}" in US East (N. Virginia)'
    message = json.loads(told["Message"])
    assert (message["NewStateValue"], message["OldStateValue"]) == ("ALARM", "INSUFFICIENT_DATA")
    assert message["NewStateReason"] == (
        "Threshold Crossed: 1 out of the last 1 datapoints [12.0 (02/01/26 03:00:00)] was greater than the threshold "
        "(10.0) (minimum 1 datapoint for OK -> ALARM transition)."
    )
    assert message["Trigger"] == {
        "MetricName": "m",
        "Namespace": namespace,
        "StatisticType": "Statistic",
        "Statistic": "SUM",
        "Unit": None,
        "Dimensions": [],
        "Period": 60,
        "EvaluationPeriods": 1,
        "DatapointsToAlarm": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 10.0,
        "TreatMissingData": "missing",
        "EvaluateLowSampleCountPercentile": "",
    }
    assert (event["detail-type"], event["resources"]) == (
        "CloudWatch Alarm State Change",
        [f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:{name}"],
    )
    assert event["detail"]["state"]["value"] == "ALARM"
    assert event["detail"]["configuration"] == {
        "description": "too many",
        "metrics": [
            {
                "id": "m1",
                "metricStat": {
                    "metric": {"namespace": namespace, "name": "m", "dimensions": {}},
                    "period": 60,
                    "stat": "Sum",
                },
                "returnData": True,
            }
        ],
    }
    put(cloudwatch, namespace, [(1, 2)])
    evaluate_now(START + timedelta(seconds=121))
    assert [body.get("Subject") or body["detail"]["state"]["value"] for body in take(2)] == [
        f'OK: "{name}" in US East (N. Virginia)',
        "OK",
    ]
    summaries = [
        each["HistorySummary"] for each in cloudwatch.describe_alarm_history(AlarmName=name)["AlarmHistoryItems"]
    ]
    assert summaries == ["Alarm updated from ALARM to OK", "Alarm updated from INSUFFICIENT_DATA to ALARM"]
    events.remove_targets(Rule=queue, Ids=["q"])
    events.delete_rule(Name=queue)
    sns.delete_topic(TopicArn=topic)
    sqs.delete_queue(QueueUrl=url)


def test_disabled_actions_rest(client, cloudwatch, alarm, aws):
    address = f"{uuid.uuid4().hex[:8]}@example.com"
    topic = client("sns").create_topic(Name=f"t-{uuid.uuid4().hex[:12]}")["TopicArn"]
    client("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint=address)
    name = alarm(AlarmActions=[topic], OKActions=[topic])
    cloudwatch.disable_alarm_actions(AlarmNames=[name])
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="by hand")
    cloudwatch.enable_alarm_actions(AlarmNames=[name])
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="by hand")
    found = [message for message in aws.engines["sns"]._inbox._messages if message["to"] == address]
    assert [message["subject"].partition(":")[0] for message in found] == ["OK"]


def test_a_composite_alarm_follows_its_rule(cloudwatch, alarm, evaluate_now):
    one, two = alarm(TreatMissingData="ignore"), alarm(TreatMissingData="ignore")
    name = f"c-{uuid.uuid4().hex[:12]}"
    cloudwatch.put_composite_alarm(AlarmName=name, AlarmRule=f'ALARM("{one}") AND NOT OK({two})')
    states = []
    for other in ("ALARM", "OK", "INSUFFICIENT_DATA"):
        cloudwatch.set_alarm_state(AlarmName=one, StateValue="ALARM", StateReason="x")
        cloudwatch.set_alarm_state(AlarmName=two, StateValue=other, StateReason="x")
        evaluate_now(START - timedelta(days=1))
        (found,) = cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
        states.append(found["StateValue"])
    assert states == ["ALARM", "OK", "ALARM"]
    with pytest.raises(ClientError, match="used by the composite alarm"):
        cloudwatch.delete_alarms(AlarmNames=[one])
    cloudwatch.delete_alarms(AlarmNames=[name])


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("ALARM(a)", True),
        ('ALARM("a") AND OK("b")', True),
        ("ALARM(b) OR NOT ALARM(b)", True),
        ("NOT (ALARM(a) OR ALARM(b))", False),
        ("ALARM(b) AND FALSE OR TRUE", True),
        ("INSUFFICIENT_DATA(nobody)", True),
        (f"ALARM(arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:a)", True),
    ],
)
def test_rules(rule, expected):
    assert compile_rule(rule)({"a": "ALARM", "b": "OK"}) is expected


@pytest.mark.parametrize("rule", ["", "ALARM(a) ALARM(b)", "a", "(ALARM(a)", "ALARM(a) AND", "XOR(a)"])
def test_rules_that_are_refused(rule):
    with pytest.raises(AwsError, match="Error in AlarmRule"):
        compile_rule(rule)


def test_an_alarm_is_kept_described_and_tagged(cloudwatch, namespace, alarm):
    name = alarm(Dimensions=[{"Name": "d", "Value": "v"}], Tags=[{"Key": "k", "Value": "v"}], TreatMissingData="ignore")
    (found,) = cloudwatch.describe_alarms(AlarmNamePrefix=name)["MetricAlarms"]
    assert (found["Period"], found["Threshold"], found["TreatMissingData"]) == (60, 10.0, "ignore")
    assert (found["ActionsEnabled"], found["AlarmActions"]) == (True, [])
    assert cloudwatch.list_tags_for_resource(ResourceARN=found["AlarmArn"])["Tags"] == [{"Key": "k", "Value": "v"}]
    of_metric = cloudwatch.describe_alarms_for_metric(
        Namespace=namespace, MetricName="m", Dimensions=[{"Name": "d", "Value": "v"}]
    )
    assert [each["AlarmName"] for each in of_metric["MetricAlarms"]] == [name]


def test_what_is_refused(cloudwatch, namespace, alarm):
    name = alarm()
    good = {
        "AlarmName": f"{name}x",
        "Namespace": namespace,
        "MetricName": "m",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    cases = [
        ({"Period": 61}, "InvalidParameterValue"),
        ({"DatapointsToAlarm": 2}, "InvalidParameterValue"),
        ({"TreatMissingData": "sometimes"}, "InvalidParameterValue"),
        ({"ExtendedStatistic": "p50"}, "ValidationError"),
        ({"AlarmActions": ["arn:aws:automate:us-east-1:ec2:stop"]}, "NotSupportedByLocalAws"),
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "NotSupportedByLocalAws"),
    ]
    for change, code in cases:
        with pytest.raises(ClientError) as error:
            cloudwatch.put_metric_alarm(**{**good, **change})
        assert error.value.response["Error"]["Code"] == code, change
    with pytest.raises(ClientError) as error:
        cloudwatch.delete_alarms(AlarmNames=[name, "nobody"])
    assert error.value.response["Error"]["Code"] == "ResourceNotFound"
    assert state_of(cloudwatch, name) == "INSUFFICIENT_DATA"
    with pytest.raises(ClientError) as error:
        cloudwatch.put_metric_data(Namespace="AWS/Own", MetricData=[{"MetricName": "m", "Value": 1}])
    assert error.value.response["Error"]["Code"] == "InvalidParameterValue"


def test_functions_publish_their_metrics(aws, cloudwatch, namespace):
    aws.engines["cloudwatch"].record("AWS/Lambda", "Errors", 1, dimensions={"FunctionName": namespace})
    (metric,) = cloudwatch.list_metrics(Dimensions=[{"Name": "FunctionName", "Value": namespace}])["Metrics"]
    assert (metric["Namespace"], metric["MetricName"]) == ("AWS/Lambda", "Errors")
