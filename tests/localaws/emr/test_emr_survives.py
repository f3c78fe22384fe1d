"""After the server was killed, nothing is said to run that does not."""

import os
import signal
import time


def test_clusters_and_jobs_of_a_killed_server_have_failed(start):
    process, client = start()
    client("s3").create_bucket(Bucket="code")
    client("s3").put_object(Bucket="code", Key="slow.py", Body=b"import time\ntime.sleep(600)\n")
    args = ["spark-submit", "s3://code/slow.py"]
    steps = [{"Name": str(n), "HadoopJarStep": {"Jar": "command-runner.jar", "Args": args}} for n in range(2)]
    cluster = client("emr").run_job_flow(
        Name="c", ReleaseLabel="emr-7.5.0", Applications=[{"Name": "Spark"}], Instances={}, Steps=steps
    )["JobFlowId"]
    serverless = client("emr-serverless")
    application = serverless.create_application(name="a", releaseLabel="emr-7.5.0", type="SPARK")["applicationId"]
    job = serverless.start_job_run(
        applicationId=application,
        executionRoleArn="arn:aws:iam::123456789012:role/emr",
        jobDriver={"sparkSubmit": {"entryPoint": "s3://code/slow.py"}},
    )["jobRunId"]
    while client("emr").list_steps(ClusterId=cluster)["Steps"][1]["Status"]["State"] != "RUNNING":
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(30)
    process, client = start()
    found = client("emr").describe_cluster(ClusterId=cluster)["Cluster"]["Status"]
    assert found["State"] == "TERMINATED_WITH_ERRORS"
    assert found["StateChangeReason"] == {
        "Code": "INTERNAL_ERROR",
        "Message": "The embedded AWS ended while the cluster ran.",
    }
    states = [one["Status"]["State"] for one in client("emr").list_steps(ClusterId=cluster)["Steps"]]
    assert states == ["CANCELLED", "INTERRUPTED"]
    run = client("emr-serverless").get_job_run(applicationId=application, jobRunId=job)["jobRun"]
    assert (run["state"], run["stateDetails"]) == ("FAILED", "The embedded AWS ended while the job ran.")
