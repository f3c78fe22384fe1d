"""getResolvedOptions, as scripts call it; it needs no Spark."""

import importlib.util
from pathlib import Path

import pytest

import localaws.glue

_PATH = Path(localaws.glue.__file__).parent / "job_path" / "awsglue" / "utils.py"
_SPEC = importlib.util.spec_from_file_location("awsglue_utils", _PATH)
utils = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(utils)


def resolve(options, *arguments):
    return utils.getResolvedOptions(["script.py", *arguments], options)


def test_what_is_asked_for_and_what_comes_with_it():
    found = resolve(
        ["JOB_NAME", "a-b"],
        "--JOB_NAME",
        "j",
        "--a-b",
        "1",
        "--other",
        "2",
        "--JOB_RUN_ID",
        "jr",
        "--TempDir",
        "s3://t",
    )
    assert (found["JOB_NAME"], found["a_b"], found["JOB_RUN_ID"]) == ("j", "1", "jr")
    assert (found["TempDir"], found["RedshiftTempDir"]) == ("s3://t", "s3://t")
    assert found["job_bookmark_option"] == "job-bookmark-disable"
    assert "other" not in found


def test_values_with_an_equals_sign_and_bookmark_options():
    assert resolve(["x"], "--x=a=b")["x"] == "a=b"
    assert resolve([], "--job-bookmark-option", "job-bookmark-pause")["job_bookmark_option"] == "job-bookmark-pause"
    older = resolve([], "--continuation-option", "continuation-enabled")
    assert older["job_bookmark_option"] == "job-bookmark-enable"
    assert "continuation_option" not in older


def test_what_is_missing_or_reserved():
    with pytest.raises(utils.GlueArgumentError, match=r"^the following arguments are required: --a, --b$"):
        resolve(["a", "b"])
    with pytest.raises(utils.GlueArgumentError, match=r"^argument --a: expected one argument$"):
        resolve(["a"], "--a")
    with pytest.raises(RuntimeError, match=r"^Using reserved arguments --JOB_RUN_ID$"):
        resolve(["JOB_RUN_ID"])
