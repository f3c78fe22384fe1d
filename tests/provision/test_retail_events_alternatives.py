"""What the alternatives of ``retail_events`` send: batches to Firehose, and a Glue job's script to EMR."""

import json

import pytest

from millrace import live
from millrace.live import NotSent, send
from millrace.transient import cluster_of, job_flow

JOB = {
    "Name": "retail_events",
    "Command": {"ScriptLocation": "s3://artifacts/glue/retail_events.py"},
    "DefaultArguments": {
        "--additional-python-modules": "s3://artifacts/wheels/millrace.whl,pyyaml==6.0.2",
        "--job-bookmark-option": "job-bookmark-disable",
        "--bucket_prefix": "millrace",
        "--rebuild": "false",
    },
}
SETTINGS = {
    "RELEASE": "emr-7.5.0",
    "INSTANCE_TYPE": "m6g.xlarge",
    "INSTANCES": "3",
    "LOG_URI": "s3://logs/",
    "SERVICE_ROLE": "service",
    "INSTANCE_PROFILE": "instance",
}


class Stream:
    """A stream that refuses records as often as it is told; what it took."""

    def __init__(self, refusals=0):
        self.refusals, self.batches = refusals, []

    def put_record_batch(self, DeliveryStreamName, Records):
        taken = []
        answers = []
        for record in Records:
            if self.refusals:
                self.refusals -= 1
                answers.append({"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down."})
            else:
                taken.append(json.loads(record["Data"]))
                answers.append({"RecordId": "1"})
        self.batches.append(taken)
        return {"FailedPutCount": len(Records) - len(taken), "RequestResponses": answers}


def test_batches_are_as_big_as_firehose_takes():
    stream = Stream()
    assert send(stream, "live", ({"n": number} for number in range(1201))) == 1201
    assert [len(batch) for batch in stream.batches] == [500, 500, 201]
    stream = Stream()
    send(stream, "live", [{"text": "x" * 900_000}] * 9)
    assert [len(batch) for batch in stream.batches] == [4, 4, 1]


def test_what_is_refused_is_sent_again_and_nothing_else(monkeypatch):
    monkeypatch.setattr(live.time, "sleep", lambda seconds: None)
    stream = Stream(refusals=3)
    send(stream, "live", [{"n": number} for number in range(5)])
    assert [[event["n"] for event in batch] for batch in stream.batches] == [[3, 4], [0, 1, 2]]
    with pytest.raises(NotSent, match=r"live refuses 1 records, the first with ServiceUnavailableException: Slow down"):
        send(Stream(refusals=1000), "live", [{"n": 1}])


def test_a_cluster_runs_the_jobs_script_with_its_arguments_and_ends_itself():
    flow = job_flow(JOB, {"--rebuild": "true"}, SETTINGS)
    (step,) = flow["Steps"]
    assert step["HadoopJarStep"] == {
        "Jar": "command-runner.jar",
        "Args": [
            "spark-submit", "--deploy-mode", "cluster", "--name", "retail_events",
            "--py-files", "s3://artifacts/wheels/millrace.whl",
            "s3://artifacts/glue/retail_events.py", "--bucket_prefix", "millrace", "--rebuild", "true",
        ],
    }  # fmt: skip
    assert step["ActionOnFailure"] == "TERMINATE_CLUSTER"
    assert flow["Instances"]["KeepJobFlowAliveWhenNoSteps"] is False
    assert "BootstrapActions" not in flow and "Ec2SubnetId" not in flow["Instances"]


def test_subnet_and_bootstrap_are_taken_where_they_are_given():
    flow = job_flow(JOB, {}, {**SETTINGS, "SUBNET": "subnet-1", "BOOTSTRAP": "s3://artifacts/install.sh"})
    assert flow["Instances"]["Ec2SubnetId"] == "subnet-1"
    (action,) = flow["BootstrapActions"]
    assert action["ScriptBootstrapAction"] == {
        "Path": "s3://artifacts/install.sh",
        "Args": ["s3://artifacts/wheels/millrace.whl", "pyyaml==6.0.2"],
    }
    assert "PYSPARK_PYTHON" in json.dumps(flow["Configurations"])


def test_no_cluster_runs_what_none_was_started_for(client):
    assert cluster_of(client("emr"), "no such job") is None
