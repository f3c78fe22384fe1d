"""The steps of a deployment, each by itself, and what stops it."""

import json

import boto3
import pytest

from millrace import dags_bucket, deploy, doctor, installation, terraform
from millrace.deploy import DeployError
from millrace.installation import InstallationError
from millrace.screen import Screen
from millrace.terraform import Change, Terraform, TerraformError

ASKED = {"plan_only": False, "approve": False, "make_state": True, "architecture": "arm64"}


def test_settings_say_what_an_installation_is(settings):
    wanted = installation.read("try")
    assert (wanted.region, wanted.prefix, wanted.account) == ("us-east-1", "millrace-try", "123456789012")
    assert wanted.parts == {"people"}
    assert (wanted.state_bucket, wanted.airflow) == ("millrace-try-terraform", "millrace-try-try")
    assert installation.account_of(wanted) == "123456789012"


@pytest.mark.parametrize(
    ("with_airflow", "airflow", "internet"),
    [
        ("true", 'airflow = {\n  class = "mw1.medium"\n  internet = false # no NAT\n}', False),
        ("true", "airflow = { internet = true }", True),
        ("true", "", True),
        ("false", "airflow = { internet = false }", True),
    ],
)
def test_settings_say_whether_airflow_has_a_way_to_the_internet(settings, with_airflow, airflow, internet):
    text = settings.read_text().replace("airflow = false", f"airflow = {with_airflow}")
    settings.write_text(f"{text}\n{airflow}\n")
    assert installation.read("try").internet is internet


@pytest.mark.parametrize(
    ("was", "becomes", "message"),
    [
        ('region        = "us-east-1"', "", r"infra/env/try.tfvars does not say region; write: region = "),
        ('"try"', '"dev"', r'infra/env/try.tfvars says environment = "dev"; write "try"'),
        ("bucket_prefix", "# bucket_prefix", r"does not say bucket_prefix"),
    ],
)
def test_settings_that_do_not_say_enough_are_refused(settings, was, becomes, message):
    settings.write_text(settings.read_text().replace(was, becomes, 1))
    with pytest.raises(InstallationError, match=message):
        installation.read("try")


def test_an_unknown_installation_is_named_with_those_that_there_are(settings):
    with pytest.raises(InstallationError, match=r"there is no infra/env/live.tfvars; there are: try. Copy one"):
        installation.read("live")


def test_another_account_is_refused(settings):
    settings.write_text(settings.read_text().replace("123456789012", "210987654321"))
    with pytest.raises(InstallationError, match=r"are of the account 123456789012, but .* says 210987654321; choose"):
        installation.account_of(installation.read("try"))


def test_without_credentials_it_says_how_to_get_some(settings, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # which remembers them
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(InstallationError, match=r"AWS does not know who you are .*; log in \(aws sso login\)"):
        installation.account_of(installation.read("try"))


def test_the_bucket_for_the_state_is_private_and_versioned(settings):
    settings.write_text(settings.read_text().replace("millrace-try", "millrace-state"))
    wanted = installation.read("try")
    s3 = wanted.client("s3")
    assert not terraform.state_is_there(wanted)
    terraform.make_state(wanted)
    assert terraform.state_is_there(wanted)
    where = {"Bucket": "millrace-state-terraform"}
    assert s3.get_bucket_versioning(**where)["Status"] == "Enabled"
    assert set(s3.get_public_access_block(**where)["PublicAccessBlockConfiguration"].values()) == {True}
    (statement,) = json.loads(s3.get_bucket_policy(**where)["Policy"])["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_a_plan_is_told_in_a_few_lines_and_what_goes_by_name():
    def planned(address, *actions, mode="managed"):
        kind = address.partition(".")[0]
        return {"address": address, "type": kind, "mode": mode, "change": {"actions": list(actions)}}

    changes = terraform.changes(
        {
            "resource_changes": [
                planned("aws_s3_bucket.a", "create"),
                planned("aws_s3_bucket.b", "create"),
                planned("aws_iam_role.c", "create"),
                planned("aws_iam_role.d", "no-op"),
                planned("aws_lambda_function.e", "update"),
                planned("aws_lambda_layer_version.f", "create", "delete"),
                planned("aws_glue_job.g", "delete"),
                planned("data.aws_region.h", "read", mode="data"),
            ]
        }
    )
    assert changes[3] == Change("aws_lambda_function.e", "aws_lambda_function", "update")
    assert terraform.summary(changes) == [
        "create      3  2 s3_bucket, 1 iam_role",
        "update      1  1 lambda_function",
        "replace     1  1 lambda_layer_version",
        "               aws_lambda_layer_version.f",
        "delete      1  1 glue_job",
        "               aws_glue_job.g",
    ]
    assert terraform.summary([]) == ["nothing to do"]


def test_without_terraform_it_says_so(settings, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TerraformError, match=r"terraform is not there; install 1\.11 or newer"):
        Terraform(installation.read("try"), tmp_path / "plan").version()


def test_a_plan_that_fails_says_what_terraform_said(settings, stand_in, tmp_path):
    stand_in("plan", "Error: Unsupported argument")
    with pytest.raises(TerraformError, match="terraform plan failed:\nError: Unsupported argument"):
        Terraform(installation.read("try"), tmp_path / "plan").plan()


def test_a_lock_that_is_held_says_how_it_is_taken_away(settings, stand_in, tmp_path):
    stand_in("plan", "Error: Error acquiring the state lock")
    with pytest.raises(TerraformError, match=r"(?s)Another deploy is under way; .* force-unlock"):
        Terraform(installation.read("try"), tmp_path / "plan").plan()


def test_dags_are_brought_last_of_all_files_and_only_what_changed(client, tmp_path):
    s3, bucket = client("s3"), "deploy-dags"
    s3.create_bucket(Bucket=bucket)
    for path in ("orders.py", "millrace/steps.py", "millrace/a/b.py", ".airflowignore", "sql/q.sql"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    sent = []

    class Listening:
        def __getattr__(self, name):
            return getattr(s3, name)

        def put_object(self, **arguments):
            sent.append(arguments["Key"])
            return s3.put_object(**arguments)

    first = dags_bucket.sync(Listening(), bucket, tmp_path)
    assert len(first.new) == len(sent) == 5 and sent[-1] == "airflow/dags/orders.py"
    assert dags_bucket.sync(Listening(), bucket, tmp_path) == dags_bucket.Difference((), (), ())
    assert len(sent) == 5
    (tmp_path / "orders.py").rename(tmp_path / "returns.py")
    (tmp_path / "sql/q.sql").write_text("select 2")
    s3.put_object(Bucket=bucket, Key="airflow/dags/millrace/steps.py", Body=b"by somebody else")
    again = dags_bucket.sync(Listening(), bucket, tmp_path)
    assert again == dags_bucket.Difference(("returns.py",), ("millrace/steps.py", "sql/q.sql"), ("orders.py",))
    assert sent[-1] == "airflow/dags/returns.py"
    listed = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert {item["Key"].removeprefix("airflow/dags/") for item in listed} == {
        "returns.py", "millrace/steps.py", "millrace/a/b.py", ".airflowignore", "sql/q.sql"
    }  # fmt: skip
    assert s3.get_object(Bucket=bucket, Key="airflow/dags/millrace/steps.py")["Body"].read() == b"millrace/steps.py"


@pytest.fixture
def quick(monkeypatch):
    """Without packages and the doctor, which have tests of their own; gives what was done in which order."""
    done = []
    monkeypatch.setattr(deploy, "bundle", lambda out, architecture, internet: {"functions": {}})
    monkeypatch.setattr(deploy, "_bring_dags", lambda wanted, folder: str(done.append("dags")))
    monkeypatch.setattr(doctor, "examine", lambda name, screen, here: done.append("doctor") or 0)
    apply = Terraform.apply
    monkeypatch.setattr(Terraform, "apply", lambda self: (apply(self), done.append("apply")))
    return done


@pytest.mark.parametrize("answer", ["no", "", "y", None])
def test_nothing_is_applied_unless_somebody_says_yes(settings, stand_in, quick, monkeypatch, capsys, answer):
    calls = stand_in()
    lines = iter([] if answer is None else [answer])

    def asked(question):
        assert question.startswith("Apply this to try in the account 123456789012?")
        try:
            return next(lines)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", asked)
    with pytest.raises(DeployError, match="nothing was applied"):
        deploy.deploy("try", Screen(), **ASKED)
    assert quick == [] and "apply" not in calls()
    shown = capsys.readouterr().out
    assert "create      1  1 s3_bucket" in shown and "aws_iam_role.old" in shown


def test_functions_are_there_before_the_dags_that_call_them(settings, stand_in, quick, monkeypatch):
    calls = stand_in()
    monkeypatch.setattr("builtins.input", lambda question: "yes")
    assert deploy.deploy("try", Screen(), **ASKED) == 0
    assert quick == ["apply", "dags", "doctor"]
    assert calls() == ["version", "init", "plan", "show", "apply"]


def test_dags_are_brought_where_terraform_has_nothing_to_do(settings, stand_in, quick):
    calls = stand_in(plan={"resource_changes": []})
    assert deploy.deploy("try", Screen(), **ASKED) == 0
    assert quick == ["dags", "doctor"] and "apply" not in calls()


def test_a_plan_alone_changes_nothing(settings, stand_in, quick):
    calls = stand_in()
    assert deploy.deploy("try", Screen(), **{**ASKED, "plan_only": True, "approve": True}) == 0
    assert quick == [] and calls() == ["version", "init", "plan", "show"]


def test_what_fails_to_apply_brings_no_dags(settings, stand_in, quick):
    stand_in("apply", "Error: no")
    with pytest.raises(TerraformError, match="terraform apply failed:\nsee above"):
        deploy.deploy("try", Screen(), **{**ASKED, "approve": True})
    assert quick == []


def test_the_bucket_for_the_state_is_not_made_unasked(settings, stand_in, quick, monkeypatch):
    settings.write_text(settings.read_text().replace("millrace-try", "millrace-unasked"))
    calls = stand_in()
    monkeypatch.setattr("builtins.input", lambda question: "no")
    with pytest.raises(DeployError, match="millrace deploy --make-state makes it unasked"):
        deploy.deploy("try", Screen(), **{**ASKED, "make_state": False, "approve": True})
    assert calls() == ["version"]
    assert not terraform.state_is_there(installation.read("try"))
