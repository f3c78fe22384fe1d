"""A whole deployment by the command that people use, by Terraform itself, to an embedded AWS: made, changed, mended."""

import os
import re
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest

from millrace.local import LocalAws
from millrace.resources import ROOT
from tests.infra.conftest import mirror

SETTINGS = """
environment   = "try"
region        = "us-east-1"
bucket_prefix = "millrace-try"
account       = "123456789012"
force_destroy = true
"""
COPIED = ("dags", "dashboards", "datasets", "glue", "infra", "lambdas", "millrace", "plugins", "sql")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A checkout of its own, and an embedded AWS that its commands reach; what they print and their status."""
    if shutil.which("terraform") is None or mirror() is None:
        pytest.skip("there is no Terraform, or no offline mirror of its providers (TF_PLUGIN_DIR)")
    base = tmp_path_factory.mktemp("deploy")
    root = base / "checkout"
    ignored = shutil.ignore_patterns("__pycache__", ".terraform*", "*.tfstate*", "*_override.tf")
    for name in COPIED:
        shutil.copytree(ROOT / name, root / name, ignore=ignored)
    for name in ("requirements.txt", "requirements.lock"):
        shutil.copy(ROOT / name, root / name)
    (root / "infra" / "env" / "try.tfvars").write_text(SETTINGS)
    with LocalAws(base / "aws", base / "aws.log") as aws:
        environment = {
            **os.environ,
            **aws.environment,
            "PYTHONPATH": str(root),
            "TF_CLI_CONFIG_FILE": os.devnull,
            "TF_CLI_ARGS_init": f"-plugin-dir={mirror()}",
        }

        def run(*arguments, says=""):
            command = [sys.executable, "-m", "millrace", *arguments]
            done = subprocess.run(command, cwd=root, env=environment, text=True, input=says, capture_output=True)
            return SimpleNamespace(status=done.returncode, out=re.sub(r"\s+", " ", done.stdout), err=done.stderr)

        yield SimpleNamespace(root=root, aws=aws, run=run)


def buckets(checkout):
    return {
        bucket["Name"].removeprefix("millrace-try-") for bucket in checkout.aws.client("s3").list_buckets()["Buckets"]
    }


@pytest.mark.whole
@pytest.mark.timeout(1800)
def test_an_account_is_made_changed_and_mended(checkout):
    # Nobody agrees to the bucket for the state, then to the plan.
    done = checkout.run("deploy", "--env", "try", says="no\n")
    assert done.status == 1 and "--make-state makes it unasked" in done.err and buckets(checkout) == set()
    done = checkout.run("deploy", "--env", "try", says="yes\nno\n")
    assert (done.status, done.err) == (1, "millrace: nothing was applied\n"), done
    assert buckets(checkout) == {"terraform"}

    # From nothing to all; what only a first run does is a note.
    done = checkout.run("deploy", "--env", "try", says="yes\n")
    assert done.status == 0, done
    assert {"terraform", "raw", "processed", "final", "rejects", "athena", "artifacts"} <= buckets(checkout)
    assert re.search(r"bring the DAGs [\d.]+ s \d+ new, 0 changed, 0 gone", done.out)
    assert " 0 missing" in done.out and "functions: all" in done.out and "other code" not in done.out
    assert "streams: switched off (with.stream)" in done.out
    s3 = checkout.aws.client("s3")
    assert s3.head_object(Bucket="millrace-try-terraform", Key="try.tfstate")["ContentLength"] > 100_000
    assert s3.head_object(Bucket="millrace-try-artifacts", Key="airflow/dags/retraced.py")

    # A DAG that is changed is brought, and nothing else is done.
    (checkout.root / "dags" / "retraced.py").open("a").write("# changed\n")
    done = checkout.run("deploy", "--env", "try")
    assert done.status == 0 and "nothing to do" in done.out and "0 new, 1 changed, 0 gone" in done.out, done

    # What somebody took away is missing, and made again.
    checkout.aws.client("lambda").delete_function(FunctionName="publish")
    done = checkout.run("doctor", "--env", "try")
    assert done.status == 1 and "not there: publish → make deploy env=try" in done.out, done
    done = checkout.run("deploy", "--env", "try", "--approve")
    assert done.status == 0 and "lambda_function" in done.out and " 0 missing" in done.out, done
    assert checkout.aws.client("lambda").get_function(FunctionName="publish")
