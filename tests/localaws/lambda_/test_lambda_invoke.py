"""What a function sees when it runs, and what its caller gets when it does not end well."""

import base64
import json
import os
import re
import threading
import time
from pathlib import Path

import pytest

from localaws.core import AwsError

REQUEST_ID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


def test_event_and_answer_pass_as_json(deploy, invoke):
    name = deploy("def main(event, context): return {'got': event}")
    payload, answer = invoke(name, {"text": "é\n\U0001f600", "number": 1.5, "none": None})
    assert payload == {"got": {"text": "é\n\U0001f600", "number": 1.5, "none": None}}
    assert (answer["StatusCode"], answer["ExecutedVersion"], answer.get("FunctionError")) == (200, "$LATEST", None)


def test_no_payload_is_an_empty_event(deploy, lambda_):
    name = deploy("def main(event, context): return event")
    assert lambda_.invoke(FunctionName=name)["Payload"].read() == b"{}"


def test_context_is_the_runtime_clients_own(deploy, invoke):
    name = deploy("""
        def main(event, context):
            return [context.function_name, context.function_version, context.memory_limit_in_mb,
                    context.invoked_function_arn, context.log_group_name, context.aws_request_id,
                    context.get_remaining_time_in_millis(), context.client_context.custom]
        """, Timeout=7, MemorySize=192)  # fmt: skip
    client_context = base64.b64encode(json.dumps({"custom": {"a": "é\n"}}, ensure_ascii=False).encode()).decode()
    (payload, _) = invoke(name, ClientContext=client_context)
    arn = f"arn:aws:lambda:us-east-1:123456789012:function:{name}"
    assert payload[:5] == [name, "$LATEST", "192", arn, f"/aws/lambda/{name}"]
    assert re.fullmatch(REQUEST_ID, payload[5])
    assert 6000 < payload[6] <= 7000
    assert payload[7] == {"a": "é\n"}


def test_only_the_lambdas_own_variables_and_packages_are_there(deploy, invoke, monkeypatch):
    monkeypatch.setenv("LEAKED_SECRET", "x")
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    name = deploy("""
        import importlib.util, os, sys
        def main(event, context):
            found = [m for m in event if importlib.util.find_spec(m)]
            return {"env": dict(os.environ), "found": found, "path": sys.path, "cwd": os.getcwd(),
                    "stdin": sys.stdin.read(), "home": sys.prefix}
        """, Environment={"Variables": {"MINE": "1"}})  # fmt: skip
    wanted = ["pandas", "pyarrow", "moto", "millrace", "localaws", "yaml", "boto3", "botocore", "urllib3", "dateutil"]
    payload, _ = invoke(name, wanted)
    assert payload["found"] == ["boto3", "botocore", "urllib3", "dateutil"]
    assert not any("site-packages" in path for path in payload["path"])
    env = payload["env"]
    assert payload["cwd"] == payload["path"][0] == env["LAMBDA_TASK_ROOT"]
    assert (env["MINE"], env["AWS_REGION"], env["_HANDLER"]) == ("1", "us-east-1", "handler.main")
    assert env["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.11"
    assert not {"LEAKED_SECRET", "PYTHONPATH", "VIRTUAL_ENV"} & env.keys()
    assert env["HOME"] == env["TMPDIR"] != os.environ.get("HOME")
    assert payload["stdin"] == ""


def test_boto3_in_the_function_reaches_the_embedded_aws(deploy, invoke, client):
    client("s3").create_bucket(Bucket="lambda-reads")
    client("s3").put_object(Bucket="lambda-reads", Key="k", Body=b"content")
    name = deploy("""
        import boto3
        def main(event, context):
            return boto3.client("s3").get_object(Bucket="lambda-reads", Key="k")["Body"].read().decode()
        """)
    assert invoke(name)[0] == "content"


def test_a_warm_process_is_used_again_with_its_own_temporary_folder(deploy, invoke):
    source = """
        import os, pathlib, tempfile
        count = 0
        def main(event, context):
            global count
            count += 1
            there = os.listdir(tempfile.gettempdir())
            pathlib.Path(tempfile.gettempdir(), str(count)).touch()
            return [os.getpid(), count, sorted(there), tempfile.gettempdir()]
        """
    name, other = deploy(source), deploy(source)
    first, second = invoke(name)[0], invoke(name)[0]
    assert first[0] == second[0]
    assert [first[1:3], second[1:3]] == [[1, []], [2, ["1"]]]
    assert invoke(other)[0][2:] != first[2:]


def test_an_error_has_awss_shape(deploy, invoke):
    name = deploy("""
        def fail(): raise ValueError("no é")
        def main(event, context): fail()
        """)
    payload, answer = invoke(name)
    assert answer["FunctionError"] == "Unhandled"
    assert answer["StatusCode"] == 200
    assert (payload["errorMessage"], payload["errorType"]) == ("no é", "ValueError")
    assert re.fullmatch(REQUEST_ID, payload["requestId"])
    assert [re.sub(r'File ".*/', 'File "', line) for line in payload["stackTrace"]] == [
        '  File "handler.py", line 3, in main\n    def main(event, context): fail()\n',
        '  File "handler.py", line 2, in fail\n    def fail(): raise ValueError("no é")\n',
    ]


@pytest.mark.parametrize(
    ("source", "handler", "kind", "message"),
    [
        ("", "handler.main", "Runtime.HandlerNotFound", "Handler 'main' missing on module 'handler'"),
        ("", "other.main", "Runtime.ImportModuleError", "Unable to import module 'other': No module named 'other'"),
        ("import pandas", "handler.main", "Runtime.ImportModuleError",
         "Unable to import module 'handler': No module named 'pandas'"),
        ("def", "handler.main", "Runtime.UserCodeSyntaxError",
         "Syntax error in module 'handler': invalid syntax (handler.py, line 1)"),
        ("", "handler", "Runtime.MalformedHandlerName",
         "Bad handler 'handler': not enough values to unpack (expected 2, got 1)"),
        ("1/0", "handler.main", "ZeroDivisionError", "division by zero"),
    ],
)  # fmt: skip
def test_a_function_that_cannot_load(deploy, invoke, source, handler, kind, message):
    payload, answer = invoke(deploy(source, Handler=handler))
    assert (payload["errorType"], payload["errorMessage"], answer["FunctionError"]) == (kind, message, "Unhandled")
    assert re.fullmatch(REQUEST_ID, payload["requestId"])


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        ("os._exit(0)", "Runtime exited without providing a reason"),
        ("os._exit(7)", "Runtime exited with error: exit status 7"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "Runtime exited with error: signal: killed"),
        ("ctypes.string_at(0)", "Runtime exited with error: signal: segmentation fault"),
        ("sys.exit(3)", "Runtime exited with error: exit status 3"),
    ],
)
def test_a_process_that_dies_is_told_and_the_next_event_runs(deploy, invoke, end, reason):
    name = deploy(f"""
        import ctypes, os, signal, sys
        def main(event, context):
            if event.get("die"): {end}
            return "alive"
        """)
    assert invoke(name)[0] == "alive"
    payload, answer = invoke(name, {"die": True})
    assert payload["errorType"] == "Runtime.ExitError"
    assert re.fullmatch(f"RequestId: {REQUEST_ID} Error: {re.escape(reason)}", payload["errorMessage"])
    assert answer["FunctionError"] == "Unhandled"
    assert invoke(name)[0] == "alive"


def test_a_process_that_dies_while_idle_is_replaced_unseen(deploy, invoke, runs):
    name = deploy("""
        import os, threading
        def main(event, context):
            if event.get("die"): threading.Timer(0.05, os._exit, [1]).start()
            return os.getpid()
        """)
    first = invoke(name, {"die": True})[0]
    _until(lambda: not runs(first))
    second = invoke(name)[0]
    assert isinstance(second, int)
    assert second != first


def test_a_timeout_kills_the_process_and_its_children(deploy, invoke, tmp_path, runs):
    name = deploy("""
        import pathlib, subprocess, sys, time
        def main(event, context):
            if not event: return "alive"
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
            pathlib.Path(event["pids"]).write_text(str(child.pid))
            while True: time.sleep(1)
        """, Timeout=1)  # fmt: skip
    started = time.monotonic()
    payload, answer = invoke(name, {"pids": str(tmp_path / "pids")}, LogType="Tail")
    assert 1 <= time.monotonic() - started < 4
    moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert payload["errorType"] == "Sandbox.Timedout"
    assert re.fullmatch(f"{moment} {REQUEST_ID} Task timed out after 1.00 seconds", payload["errorMessage"])
    assert payload["errorMessage"] in base64.b64decode(answer["LogResult"]).decode()
    _until(lambda: not runs(int((tmp_path / "pids").read_text())))
    assert invoke(name)[0] == "alive"


def test_the_memory_limit_holds(deploy, invoke):
    name = deploy("def main(event, context): return len(bytearray(event['mb'] * 2**20))", MemorySize=256)
    assert invoke(name, {"mb": 150})[0] == 150 * 2**20
    assert invoke(name, {"mb": 300})[0]["errorType"] == "MemoryError"
    assert invoke(name, {"mb": 1})[0] == 2**20


def test_a_file_in_tmp_cannot_outgrow_the_ephemeral_storage(deploy, invoke):
    name = deploy("""
        import tempfile
        def main(event, context):
            with tempfile.TemporaryFile() as file:
                file.truncate(event["mb"] * 2**20)
            return "ok"
        """)
    assert invoke(name, {"mb": 512})[0] == "ok"
    assert invoke(name, {"mb": 513})[0]["errorMessage"] == "[Errno 27] File too large"


def test_an_answer_over_6_mb_is_refused(deploy, invoke):
    name = deploy("def main(event, context): return 'x' * event['n']")
    assert len(invoke(name, {"n": 6_291_554})[0]) == 6_291_554
    payload, answer = invoke(name, {"n": 6_291_555})
    message = "Response payload size exceeded maximum allowed payload size (6291556 bytes)."
    assert payload == {"errorType": "Function.ResponseSizeTooLarge", "errorMessage": message}
    assert answer["FunctionError"] == "Unhandled"
    assert invoke(name, {"n": 1})[0] == "x"


def test_what_cannot_be_json_is_an_error_of_the_function(deploy, invoke):
    payload, _ = invoke(deploy("def main(event, context): return {1, 2}"))
    assert payload["errorType"] == "Runtime.MarshalError"


def test_events_at_once_run_in_processes_of_their_own(deploy, invoke):
    name = deploy("""
        import os, time
        def main(event, context):
            time.sleep(1)
            return os.getpid()
        """)
    pids = []
    threads = [threading.Thread(target=lambda: pids.append(invoke(name)[0])) for _ in range(4)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(pids)) == 4
    assert time.monotonic() - started < 3.5


def test_reserved_concurrency_throttles(deploy, invoke, lambda_, aws, tmp_path):
    name = deploy("""
        import pathlib, time
        def main(event, context):
            if event:
                pathlib.Path(event["started"]).touch()
                time.sleep(1)
        """)
    lambda_.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    slow = threading.Thread(target=lambda: invoke(name, {"started": str(tmp_path / "started")}))
    slow.start()
    _until((tmp_path / "started").exists)
    with pytest.raises(AwsError) as raised:
        aws.engines["lambda"].invoke(name, b"{}")
    slow.join()
    assert (raised.value.code, raised.value.status) == ("TooManyRequestsException", 429)
    assert raised.value.extra["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert invoke(name)[1]["StatusCode"] == 200


def test_refusals(deploy, invoke, lambda_):
    name = deploy("def main(event, context): pass")
    with pytest.raises(lambda_.exceptions.ResourceNotFoundException) as missing:
        invoke("nowhere")
    assert missing.value.response["Error"]["Message"] == (
        "Function not found: arn:aws:lambda:us-east-1:123456789012:function:nowhere"
    )
    with pytest.raises(lambda_.exceptions.InvalidRequestContentException):
        lambda_.invoke(FunctionName=name, Payload=b"{")
    with pytest.raises(lambda_.exceptions.InvalidRequestContentException):
        lambda_.invoke(FunctionName=name, Payload='"é"'.encode("latin-1"))
    with pytest.raises(lambda_.exceptions.InvalidRequestContentException):
        lambda_.invoke(FunctionName=name, Payload=b"[" * 100_000)
    with pytest.raises(lambda_.exceptions.InvalidRequestContentException):
        lambda_.invoke(FunctionName=name, ClientContext="no base64")
    with pytest.raises(lambda_.exceptions.RequestTooLargeException):
        lambda_.invoke(FunctionName=name, Payload=json.dumps("x" * 6_291_456))
    with pytest.raises(lambda_.exceptions.RequestTooLargeException):
        lambda_.invoke(FunctionName=name, Payload=json.dumps("x" * 1_048_576), InvocationType="Event")
    assert lambda_.invoke(FunctionName=name, InvocationType="DryRun")["StatusCode"] == 204


def test_logs_reach_cloudwatch_and_the_tail(deploy, invoke, client, aws):
    name = deploy("""
        import logging, sys
        logging.getLogger().setLevel("INFO")
        def main(event, context):
            print("to stdout")
            print("to stderr", file=sys.stderr)
            logging.info("logged")
            raise KeyError("k")
        """)
    payload, answer = invoke(name, LogType="Tail")
    request = payload["requestId"]
    aws.engines["lambda"].flush_logs()
    logs = client("logs")
    (stream,) = logs.describe_log_streams(logGroupName=f"/aws/lambda/{name}")["logStreams"]
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", stream["logStreamName"])
    found = logs.get_log_events(
        logGroupName=f"/aws/lambda/{name}", logStreamName=stream["logStreamName"], startFromHead=True
    )
    lines = [event["message"] for event in found["events"]]
    assert lines[:3] == [f"START RequestId: {request} Version: $LATEST", "to stdout", "to stderr"]
    assert re.fullmatch(rf"\[INFO\]\t\S+Z\t{request}\tlogged", lines[3])
    assert lines[4].startswith("[ERROR] KeyError: 'k'\nTraceback (most recent call last):\n")
    assert lines[5] == f"END RequestId: {request}"
    assert re.fullmatch(
        rf"REPORT RequestId: {request}\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB\t"
        r"Max Memory Used: \d+ MB\tInit Duration: [\d.]+ ms\t",
        lines[6],
    )
    assert len(lines) == 7
    assert base64.b64decode(answer["LogResult"]).decode() == "\n".join(lines) + "\n"


def test_a_flood_of_output_stops_no_timeout(deploy, invoke):
    name = deploy("def main(event, context):\n  while True: print('x' * 1000)", Timeout=1)
    payload, answer = invoke(name, LogType="Tail")
    assert payload["errorType"] == "Sandbox.Timedout"
    assert "more bytes of output were dropped: over 4 MB in one invocation" in (
        base64.b64decode(answer["LogResult"]).decode()
    )


def _until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)
