"""From a request to an engine, to moto or to a refusal, in each protocol."""

import http.client
import json
from datetime import UTC, datetime

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from localaws.core import AwsError, Call, PageResponse
from localaws.server import Server


class FakeEngine:
    """Answers what a test tells it to, and keeps the calls."""

    def __init__(self, service, answers):
        self.service = service
        self.calls = []
        self.closed = False
        self.pages = {f"{service}/": self.page}
        self.operations = {name: self.handler(answer) for name, answer in answers.items()}

    def handler(self, answer):
        def handle(call):
            self.calls.append(call)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return handle

    def page(self, path, query):
        return PageResponse(200, {"Content-Type": "text/plain"}, json.dumps([path, dict(query)]).encode())

    def close(self):
        self.closed = True


@pytest.fixture
def server(tmp_path):
    with Server(tmp_path) as made:
        yield made


@pytest.fixture
def client_of(server):
    def make(service, answers=None):
        engine = FakeEngine(service, answers or {})
        if answers is not None:
            server.engines[service] = engine
        keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
        config = Config(retries={"total_max_attempts": 1}, region_name="eu-west-1")
        return engine, boto3.client(service, endpoint_url=server.endpoint, config=config, **keys)

    return make


def code_of(error):
    return error.value.response["Error"]["Code"], error.value.response["ResponseMetadata"]["HTTPStatusCode"]


def test_a_json_call_arrives_with_its_parameters_and_region(client_of):
    moment = datetime(2024, 1, 15, 12, 30, tzinfo=UTC)
    table = {"Name": "t", "CreateTime": moment, "PartitionKeys": [{"Name": "d", "Type": "string"}], "Retention": 3}
    engine, glue = client_of("glue", {"GetTable": {"Table": table}})
    answer = glue.get_table(DatabaseName="db", Name="t", QueryAsOfTime=moment)
    assert answer["Table"] == table
    expected = {"DatabaseName": "db", "Name": "t", "QueryAsOfTime": moment}
    assert engine.calls == [Call("glue", "GetTable", expected, "eu-west-1", "123456789012")]


def test_an_engines_error_has_its_code_message_and_status(client_of):
    error = AwsError("InvalidRequestException", "line 1:8: no", 400, AthenaErrorCode="SYNTAX_ERROR")
    _, athena = client_of("athena", {"StartQueryExecution": error})
    with pytest.raises(athena.exceptions.InvalidRequestException) as caught:
        athena.start_query_execution(QueryString="x")
    assert caught.value.response["Error"]["Message"] == "line 1:8: no"
    assert caught.value.response["AthenaErrorCode"] == "SYNTAX_ERROR"


def test_an_engine_that_breaks_is_an_internal_failure(client_of):
    _, athena = client_of("athena", {"GetWorkGroup": ZeroDivisionError("oh")})
    with pytest.raises(ClientError, match="ZeroDivisionError: oh") as error:
        athena.get_work_group(WorkGroup="w")
    assert code_of(error) == ("InternalFailure", 500)


def test_lambdas_payload_and_headers(client_of):
    body = b'{"a": "\xc3\xbc"}'
    answer = {
        "StatusCode": 200,
        "Payload": b"[1]",
        "FunctionError": "Unhandled",
        "LogResult": "bG9n",
        "ExecutedVersion": "1",
    }
    engine, function = client_of("lambda", {"Invoke": answer})
    got = function.invoke(FunctionName="f:1", Payload=body, LogType="Tail", InvocationType="RequestResponse")
    assert (got["StatusCode"], got["Payload"].read(), got["FunctionError"]) == (200, b"[1]", "Unhandled")
    assert (got["LogResult"], got["ExecutedVersion"]) == ("bG9n", "1")
    params = {"FunctionName": "f:1", "Payload": body, "LogType": "Tail", "InvocationType": "RequestResponse"}
    assert engine.calls[0].params == params


@pytest.mark.parametrize("status", [202, 204])
def test_lambdas_status_is_that_of_the_answer(client_of, status):
    _, function = client_of("lambda", {"Invoke": {"StatusCode": status, "Payload": b""}})
    got = function.invoke(FunctionName="f", InvocationType="Event")
    assert (got["StatusCode"], got["ResponseMetadata"]["HTTPStatusCode"]) == (status, status)


def test_a_function_named_by_arn_and_a_blob_in_json(client_of):
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:f"
    engine, function = client_of("lambda", {"UpdateFunctionCode": {"FunctionName": "f"}})
    function.update_function_code(FunctionName=arn, ZipFile=b"\x00zip\xff")
    assert engine.calls[0].params == {"FunctionName": arn, "ZipFile": b"\x00zip\xff"}


def test_rest_json_paths_queries_and_errors(client_of):
    missing = AwsError("ResourceNotFoundException", "no data set d", 404, ResourceType="DATA_SET")
    answers = {"ListDataSets": {"DataSetSummaries": [{"Name": "n"}], "Status": 200}, "DescribeDataSet": missing}
    engine, quicksight = client_of("quicksight", answers)
    account = "123456789012"
    assert quicksight.list_data_sets(AwsAccountId=account, MaxResults=7, NextToken="a b")["DataSetSummaries"] == [
        {"Name": "n"}
    ]
    assert engine.calls[0].params == {"AwsAccountId": account, "MaxResults": 7, "NextToken": "a b"}
    with pytest.raises(quicksight.exceptions.ResourceNotFoundException, match="no data set d") as error:
        quicksight.describe_data_set(AwsAccountId=account, DataSetId="d/e")
    assert (code_of(error)[1], error.value.response["ResourceType"]) == (404, "DATA_SET")
    assert engine.calls[1].params == {"AwsAccountId": account, "DataSetId": "d/e"}


def test_what_an_engine_does_not_list_goes_to_moto_or_is_refused(client_of):
    _, glue = client_of("glue", {"StartCrawler": {}})
    glue.create_connection(ConnectionInput={"Name": "c", "ConnectionType": "JDBC", "ConnectionProperties": {}})
    assert glue.get_connection(Name="c")["Connection"]["Name"] == "c"
    with pytest.raises(ClientError, match="glue:StartJobRun is refused") as error:
        glue.start_job_run(JobName="j")
    assert code_of(error) == ("NotSupportedByLocalAws", 501)


@pytest.mark.parametrize(
    ("service", "operation", "arguments"),
    [
        ("sns", "create_platform_application", {"Name": "a", "Platform": "b", "Attributes": {}}),  # query
        ("ec2", "describe_vpcs", {}),  # ec2
        ("stepfunctions", "list_state_machines", {}),  # json
        (
            "cloudwatch",
            "put_metric_stream",
            {"Name": "a", "FirehoseArn": "b", "RoleArn": "c", "OutputFormat": "json"},
        ),  # cbor
        ("efs", "describe_file_systems", {}),  # rest-json
    ],
)
def test_a_refusal_is_in_the_services_own_protocol(client_of, service, operation, arguments):
    _, client = client_of(service)
    with pytest.raises(ClientError, match="is refused") as error:
        getattr(client, operation)(**arguments)
    assert code_of(error) == ("NotSupportedByLocalAws", 501)


def test_moto_answers_what_it_does_for_real(client_of):
    assert client_of("sts")[1].get_caller_identity()["Account"] == "123456789012"
    kms = client_of("kms")[1]
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    secret = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=secret)["Plaintext"] == b"x"
    logs = client_of("logs")[1]
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    events = [{"timestamp": 1_700_000_000_000, "message": "hello"}]
    logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=events)
    cloudwatch = client_of("cloudwatch")[1]
    cloudwatch.put_metric_data(Namespace="n", MetricData=[{"MetricName": "m", "Value": 1.5}])
    assert [metric["MetricName"] for metric in cloudwatch.list_metrics(Namespace="n")["Metrics"]] == ["m"]
    ssm = client_of("ssm")[1]
    ssm.put_parameter(Name="/a/b", Value="ü", Type="String")
    assert ssm.get_parameter(Name="/a/b")["Parameter"]["Value"] == "ü"
    iam = client_of("iam")[1]
    iam.create_role(RoleName="r", AssumeRolePolicyDocument="{}")
    assert iam.get_role(RoleName="r")["Role"]["Arn"] == "arn:aws:iam::123456789012:role/r"


def test_a_message_goes_from_topic_to_queue(client_of):
    sns, sqs = client_of("sns")[1], client_of("sqs")[1]
    url = sqs.create_queue(QueueName="from-topic")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = sns.create_topic(Name="to-queue")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    sns.publish(TopicArn=topic, Message="hello")
    body = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"][0]["Body"]
    assert json.loads(body)["Message"] == "hello"


def test_what_would_never_arrive_is_refused(client_of):
    sns, events = client_of("sns")[1], client_of("events")[1]
    topic = sns.create_topic(Name="mail")["TopicArn"]
    machine = "arn:aws:states:us-east-1:123456789012:stateMachine:m"
    refused = [
        lambda: sns.subscribe(TopicArn=topic, Protocol="sms", Endpoint="+4912345678"),
        lambda: events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": machine}]),
    ]
    for attempt in refused:
        with pytest.raises(ClientError) as error:
            attempt()
        assert code_of(error) == ("NotSupportedByLocalAws", 501)


def ask(server, method, path, **headers):
    connection = http.client.HTTPConnection(server.endpoint.removeprefix("http://"), timeout=10)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    found = answer.status, answer.read(), answer.headers
    connection.close()
    return found


def test_pages_of_engines_are_served_read_only(client_of, server):
    client_of("quicksight", {})
    status, body, headers = ask(server, "GET", "/_localaws/quicksight/dash/a%20b.html?x=1&y=")
    assert (status, json.loads(body)) == (200, ["dash/a b.html", {"x": "1", "y": ""}])
    assert (headers["Content-Type"], headers["X-Content-Type-Options"]) == ("text/plain", "nosniff")
    assert ask(server, "POST", "/_localaws/quicksight/dash")[0] == 405
    assert ask(server, "GET", "/_localaws/nothing")[0] == 404


def test_a_host_of_ones_own_may_be_allowed(server, monkeypatch):
    assert ask(server, "GET", "/_localaws/health", Host="aws:4566")[0] == 403
    monkeypatch.setenv("LOCALAWS_HOSTS", "other, aws")
    assert ask(server, "GET", "/_localaws/health", Host="aws:4566")[0] == 200


@pytest.mark.parametrize(
    ("origin", "status"), [("http://evil.example", 403), ("null", 403), ("http://localhost:8080", 405)]
)
def test_a_web_page_from_elsewhere_changes_nothing(server, origin, status):
    assert ask(server, "POST", "/_localaws/health", Origin=origin)[0] == status
    assert ask(server, "GET", "/_localaws/health", Origin=origin)[0] == 200


def test_a_call_that_is_not_signed_is_refused(server):
    status, body, _ = ask(server, "POST", "/", X_Amz_Target="AmazonAthena.StartQueryExecution")
    assert (status, b"MissingAuthenticationToken" in body) == (403, True)


def test_engines_are_closed_with_the_server(tmp_path):
    with Server(tmp_path / "own") as server:
        engine = FakeEngine("glue", {})
        server.engines["glue"] = engine
    assert engine.closed
