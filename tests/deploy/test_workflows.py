"""GitHub's workflows: least rights, actions pinned, and nothing called that is not there."""

import re

import pytest
import yaml

from millrace.resources import ROOT

WORKFLOWS = {path.stem: path for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))}
READS = {"contents": "read"}
BY_OIDC = {"contents": "read", "id-token": "write"}


def read(name):
    document = yaml.safe_load(WORKFLOWS[name].read_text())
    document["on"] = document.pop(True)  # which YAML 1.1 takes for a truth value
    return document


def steps(name):
    return [step for job in read(name)["jobs"].values() for step in job["steps"]]


def test_there_are_three():
    assert list(WORKFLOWS) == ["check", "deploy", "test"]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_it_is_whole(name):
    document = read(name)
    assert document.keys() <= {"name", "on", "permissions", "concurrency", "env", "jobs"} and document["name"] == name
    for job in document["jobs"].values():
        assert job["runs-on"] == "ubuntu-24.04" and job["timeout-minutes"] > 0
        assert all(("uses" in step) != ("run" in step) for step in job["steps"])


@pytest.mark.parametrize("name", WORKFLOWS)
def test_it_may_no_more_than_it_needs(name):
    document = read(name)
    if name == "deploy":
        assert document["permissions"] == {}
        assert [job["permissions"] for job in document["jobs"].values()] == [BY_OIDC, BY_OIDC]
    else:
        assert document["permissions"] == READS
        assert not [job for job in document["jobs"].values() if "permissions" in job]
    for step in steps(name):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"] == {"persist-credentials": False}
        assert "secrets." not in str(step)
        assert "${{" not in step.get("run", ""), "what GitHub puts into a script may be code: use a variable"


@pytest.mark.parametrize("name", WORKFLOWS)
def test_actions_are_pinned_to_commits_and_say_their_version(name):
    used = re.findall(r"uses: (.*)", WORKFLOWS[name].read_text())
    assert used and all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action) for action in used)


def test_an_action_has_one_version_everywhere():
    used = {action for path in WORKFLOWS.values() for action in re.findall(r"uses: (.*)", path.read_text())}
    assert len(used) == len({action.partition("@")[0] for action in used}) == 4


@pytest.mark.parametrize("name", WORKFLOWS)
def test_the_targets_that_it_makes_are_there(name):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = WORKFLOWS[name].read_text()
    made = {target for step in steps(name) for target in re.findall(r"^make (\S+)", step.get("run", ""))}
    if '"$TARGET"' in made:
        made = made - {'"$TARGET"'} | set(re.findall(r"'(test[a-z-]*)'", text))
    assert made and made <= targets, made - targets


def test_both_pythons_are_tested():
    assert read("test")["jobs"]["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.12"]


def test_a_pull_request_plans_and_only_main_applies_in_a_protected_environment():
    jobs = read("deploy")["jobs"]
    commands = {name: [step["run"] for step in job["steps"] if "run" in step] for name, job in jobs.items()}
    assert commands == {
        "plan": ['make deploy env="$INSTALLATION" plan=1'],
        "apply": ['make deploy env="$INSTALLATION" approve=1'],
    }
    assert jobs["apply"]["needs"] == "plan"
    assert jobs["apply"]["if"] == "github.event_name != 'pull_request' && github.ref == 'refs/heads/main'"
    assert "head.repo.full_name == github.repository" in jobs["plan"]["if"]
    assert [jobs[name]["environment"] for name in ("plan", "apply")] == [
        "${{ inputs.env || 'dev' }}-plan",
        "${{ inputs.env || 'dev' }}",
    ]
    assert jobs["apply"]["concurrency"]["cancel-in-progress"] is False


def test_installations_that_can_be_chosen_have_settings():
    for choice in read("deploy")["on"]["workflow_dispatch"]["inputs"]["env"]["options"]:
        assert (ROOT / "infra" / "env" / f"{choice}.tfvars").is_file()
