"""The command line and what it makes of a folder of files."""

import datetime as dt
import re

import pytest

from millrace import resources
from millrace.cli import main
from millrace.doctor import machine
from millrace.sources.uploads import find_files

TODAY = dt.date(2026, 5, 4)


def make(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x\n")


def found(folder):
    return {
        str(file.path.relative_to(folder)): (file.key, file.upload_date)
        for file in find_files("retraced", folder, TODAY)
    }


def test_files_belong_to_the_table_that_their_name_or_folder_begins_with(tmp_path):
    make(
        tmp_path,
        "user_companies.csv",
        "user_companies_2024-02-01.CSV",
        "user_login_locations-20240203 (1).csv.gz",
        "user_login_locations/2024-03-01/part ü+.csv",
        "user_login_locations/any.csv",
        "user_companies.txt",
        "user_companiesold.csv",
        "notes.csv",
    )
    today = "retraced/{}/2026-05-04/{}".format
    assert found(tmp_path) == {
        "user_companies.csv": (today("user_companies", "user_companies.csv"), "2026-05-04"),
        "user_companies_2024-02-01.CSV": ("retraced/user_companies/user_companies_2024-02-01.CSV", "2024-02-01"),
        "user_login_locations-20240203 (1).csv.gz": (
            "retraced/user_login_locations/user_login_locations-20240203 (1).csv.gz",
            "2024-02-03",
        ),
        "user_login_locations/2024-03-01/part ü+.csv": (
            "retraced/user_login_locations/2024-03-01/part ü+.csv",
            "2024-03-01",
        ),
        "user_login_locations/any.csv": (today("user_login_locations", "any.csv"), "2026-05-04"),
    }


def test_a_table_without_files_is_named(tmp_path):
    make(tmp_path, "logins.csv", "user_companies.csv")
    with pytest.raises(
        ValueError, match=r"holds no file named user_login_locations\*\.csv \(nor user_login_loc.*needs it"
    ):
        find_files("retraced", tmp_path, TODAY)


def test_an_unknown_pipeline_is_named_with_those_that_there_are(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["run", "nothing", "--raw", ".", "--out", "."])
    assert ended.value.code == 2
    assert "invalid choice: 'nothing' (choose from " in capsys.readouterr().err


def test_show_lists_all_that_belongs_to_a_pipeline(capsys):
    assert main(["show", "retraced"]) == 0
    shown = capsys.readouterr().out
    listed = set(shown.split())
    assert re.search(r"\n *[\d,]+  in all\n$", shown)
    assert {
        "dags/retraced.py",
        "dashboards/retraced.json",
        "datasets/retraced/user_login_locations.yaml",
        "infra/resources/retraced.yaml",
        "sql/retraced/monthly.sql",
        "millrace/samples/retraced.py",
        "docs/retraced-numbers.md",
    } <= listed


@pytest.mark.parametrize("slug", resources.slugs())
def test_every_pipeline_has_all_its_parts(slug):
    parts = {path.parts[0] for path in resources.files(slug)}
    assert {"dags", "dashboards", "datasets", "docs", "infra", "millrace", "sql", "tests"} <= parts
    declared = resources.pipeline(slug)
    assert all(declared.query(data_set.query) for data_set in declared.data_sets)


def test_raw_data_are_looked_at_before_anything_is_started(tmp_path, capsys):
    make(tmp_path / "raw", "user_companies.csv")
    assert main(["run", "retraced", "--raw", str(tmp_path / "raw"), "--out", str(tmp_path / "out")]) == 1
    assert "holds no file named user_login_locations*.csv" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_samples_options_are_its_generators(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["sample", "retraced", "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert "--bad-share V" in shown and "default 2025-12-31" in shown


def test_an_option_that_no_command_has_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["show", "retraced", "--logins", "3"])
    assert "unrecognized arguments: --logins 3" in capsys.readouterr().err


def test_sample_writes_where_it_is_told(tmp_path, capsys):
    assert main(["sample", "retraced", "--out", str(tmp_path), "--logins", "2000", "--seed", "1"]) == 0
    assert "2,000 rows of user_login_locations" in capsys.readouterr().out
    assert len(list(tmp_path.glob("user_login_locations/*.csv*"))) > 700


@pytest.mark.parametrize("command", ["deploy", "doctor"])
def test_an_installation_without_settings_is_named_with_those_that_there_are(command, capsys, monkeypatch):
    monkeypatch.setattr(machine, "look", lambda: iter(()))
    assert main([command, "--env", "nowhere"]) == 1
    assert "there is no infra/env/nowhere.tfvars; there are: dev, prod. Copy one" in capsys.readouterr().err
