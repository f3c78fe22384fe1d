"""Packages of functions and layers: what is in them, equal bytes for equal inputs, built once."""

import io
import json
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from millrace import package

LAYER_HANDLER = """
import importlib.metadata
import pathlib
import pyarrow as pa
import pyarrow.compute, pyarrow.csv, pyarrow.dataset, pyarrow.fs, pyarrow.parquet
import yaml

def main(event, context):
    table = pyarrow.csv.read_csv(pa.BufferReader(b"a,b\\n1,x\\n2,y\\n"))
    sink = pa.BufferOutputStream()
    pyarrow.parquet.write_table(table, sink, compression="zstd")
    back = pyarrow.parquet.read_table(pa.BufferReader(sink.getvalue()))
    return {
        "sum": pyarrow.compute.sum(back["a"]).as_py(),
        "s3": pyarrow.fs.S3FileSystem.__name__,
        "version": importlib.metadata.version("pyarrow"),
        "yaml": yaml.load("a: 1", Loader=yaml.CSafeLoader),
        "compiled": pathlib.Path(pa.__cached__).exists(),
    }
"""


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A small project in place of the real one."""
    files = {
        "lambdas/tidy/handler.py": "def handler(event, context): return event\n",
        "lambdas/tidy/more/words.txt": "words",
        "lambdas/tidy/__pycache__/handler.cpython-311.pyc": "stale",
        "lambdas/tidy/.hidden": "x",
        "millrace/__init__.py": "VALUE = {1, 'a', 2.5} & {1}\n",
        "millrace/sub/deep.py": "names = frozenset({'a', 'b', 'c'})\n",
        "datasets/demo/table.yaml": "a: 1\n",
        "lambdas/layers/small.txt": "pyyaml\n",
        "requirements.lock": "pyyaml==6.0.3 \\\n    --hash=sha256:00\n    # via x\nidna[all]==3.1 ; os_name < '4'\n",
    }
    for path, text in files.items():
        (tmp_path / "project" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "project" / path).write_text(text)
    monkeypatch.setattr(package, "ROOT", tmp_path / "project")
    return tmp_path / "project"


def names(path):
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def tag():
    return f"{sys.implementation.cache_tag}.pyc"


def test_a_function_carries_its_handler_the_package_and_the_contracts(root, tmp_path):
    path = package.build_function("tidy", tmp_path / "out")
    assert names(path) == [
        f"__pycache__/handler.{tag()}",
        "handler.py",
        "millrace/__init__.py",
        f"millrace/__pycache__/__init__.{tag()}",
        "millrace/datasets/demo/table.yaml",
        f"millrace/sub/__pycache__/deep.{tag()}",
        "millrace/sub/deep.py",
        "more/words.txt",
    ]
    with zipfile.ZipFile(path) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o100644}
        assert archive.read(f"millrace/__pycache__/__init__.{tag()}")[4:8] == b"\1\0\0\0"  # an unchecked hash


def test_equal_inputs_give_equal_bytes(root, tmp_path):
    first = package.build_function("tidy", tmp_path / "a")
    os.utime(root / "lambdas/tidy/handler.py", (1, 1))
    (root / "lambdas/tidy/handler.py").chmod(0o600)
    second = package.build_function("tidy", tmp_path / "b")
    assert (first.name, first.read_bytes()) == (second.name, second.read_bytes())


def test_what_is_built_for_an_account_is_the_same_by_any_python(root, tmp_path):
    path = package.build_function("tidy", tmp_path / "a", "arm64")
    assert names(path) == [
        "handler.py",
        "millrace/__init__.py",
        "millrace/datasets/demo/table.yaml",
        "millrace/sub/deep.py",
        "more/words.txt",
    ]
    with zipfile.ZipFile(path) as archive:  # what a compressor writes depends on its version
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
    assert path.name == package.build_function("tidy", tmp_path / "b", "x86_64").name
    assert path.name != package.build_function("tidy", tmp_path / "b").name


def test_a_package_is_built_once_and_again_when_an_input_changes(root, tmp_path, monkeypatch):
    first = package.build_function("tidy", tmp_path)
    first.write_bytes(b"as it was")
    assert package.build_function("tidy", tmp_path).read_bytes() == b"as it was"
    (root / "datasets/demo/table.yaml").write_text("a: 2\n")
    second = package.build_function("tidy", tmp_path)
    assert second != first
    assert sorted(path.name for path in tmp_path.glob("*.*")) == sorted([first.name, second.name])


def test_what_nobody_asked_for_in_weeks_goes(root, tmp_path):
    built = package.build_function("tidy", tmp_path)
    old, young = tmp_path / "tidy-0.zip", tmp_path / "tidy-1.zip"
    for path, age_s in ((old, package._KEPT_S + 60), (young, 60), (built, package._KEPT_S + 60)):
        path.touch()
        os.utime(path, (time.time() - age_s,) * 2)
    assert package.build_function("tidy", tmp_path) == built
    assert sorted(tmp_path.glob("*.zip")) == sorted([built, young])


def test_the_packaged_function_runs(root, tmp_path):
    with zipfile.ZipFile(package.build_function("tidy", tmp_path)) as archive:
        archive.extractall(tmp_path / "task")
    code = "import handler, millrace.sub.deep as deep; print(handler.handler(7, None), sorted(deep.names))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path / "task", capture_output=True, text=True, check=True
    )
    assert done.stdout == "7 ['a', 'b', 'c']\n"


def test_the_wheel_has_the_package_and_the_contracts_and_equal_bytes(root, tmp_path):
    first, second = package.build_wheel(tmp_path / "a"), package.build_wheel(tmp_path / "b")
    assert (first.name, first.read_bytes()) == (second.name, second.read_bytes())
    info = first.name.removesuffix("-py3-none-any.whl") + ".dist-info"
    assert names(first) == [
        f"{info}/METADATA",
        f"{info}/RECORD",
        f"{info}/WHEEL",
        "millrace/__init__.py",
        "millrace/datasets/demo/table.yaml",
        "millrace/sub/deep.py",
    ]
    (root / "datasets/demo/table.yaml").write_text("a: 2\n")
    assert package.build_wheel(tmp_path / "a").name != first.name


def test_the_real_wheel_installs_and_finds_the_contracts(tmp_path):
    wheel = package.build_wheel(tmp_path)
    uv = Path(sys.executable).with_name("uv")
    command = [uv, "pip", "install", "--quiet", "--offline", "--no-deps", "--target", tmp_path / "site", wheel]
    subprocess.run([*command, "--python", sys.executable], check=True, capture_output=True)
    code = (
        "import millrace.contracts as c, pathlib, sys; "
        "assert pathlib.Path(c.__file__).is_relative_to(sys.argv[1]), c.__file__; "
        "print(c.get('retraced', 'user_companies').title, sorted(c.of_pipeline('retraced'))[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "site"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "User companies activity\n"


def test_the_locks_pins_stand_without_hashes(root):
    assert package.locked() == "pyyaml==6.0.3\nidna==3.1 ; os_name < '4'\n"


def test_a_layer_has_the_locked_version_without_what_is_not_needed(root, tmp_path):
    first = package.build_layer("small", "local", tmp_path / "a")
    found = names(first)
    assert {"python/yaml/__init__.py", f"python/yaml/__pycache__/__init__.{tag()}"} <= set(found)
    assert [name for name in found if "dist-info" in name and "licenses" not in name] == [
        "python/pyyaml-6.0.3.dist-info/METADATA",
        "python/pyyaml-6.0.3.dist-info/WHEEL",
        "python/pyyaml-6.0.3.dist-info/top_level.txt",
    ]
    second = package.build_layer("small", "local", tmp_path / "b")
    assert (first.name, first.read_bytes()) == (second.name, second.read_bytes())


@pytest.mark.parametrize(("target", "machine"), [("x86_64", 62), ("arm64", 183)])
def test_a_layer_is_built_for_lambdas_machines_wherever_it_is_built(root, tmp_path, target, machine):
    first, second = (package.build_layer("small", target, tmp_path / folder) for folder in "ab")
    assert (first.name, first.read_bytes()) == (second.name, second.read_bytes())
    with zipfile.ZipFile(first) as archive:
        (library,) = (name for name in archive.namelist() if name.endswith(".so"))
        assert library.startswith("python/yaml/_yaml.cpython-312-")
        assert int.from_bytes(archive.read(library)[18:20], "little") == machine  # of the ELF header


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda out: package.build_function("nope", out), r"no lambdas/nope/handler.py; the functions are: tidy"),
        (lambda out: package.build_layer("nope", "local", out), r"no lambdas/layers/nope.txt; the layers are: small"),
        (lambda out: package.build_layer("small", "mips", out), r"target is local, x86_64 or arm64, not 'mips'"),
    ],
)
def test_what_is_not_there_is_named(root, tmp_path, build, message):
    with pytest.raises(package.PackageError, match=message):
        build(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_version_that_cannot_be_had_is_an_error_of_uv(root, tmp_path):
    (root / "lambdas/layers/small.txt").write_text("pyyaml==0.0.0\n")
    with pytest.raises(
        package.PackageError, match=r"(?s)uv could not install the layer's packages for local:\n.*unsatisfiable"
    ):
        package.build_layer("small", "local", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_data_layer_runs_in_a_lambda_and_starts_fast(tmp_path, client):
    path = package.build_layer("data", "local", tmp_path)
    with zipfile.ZipFile(path) as archive:
        assert sum(entry.file_size for entry in archive.infolist()) < 200_000_000
    s3, lambda_ = client("s3"), client("lambda")
    s3.create_bucket(Bucket="packaging")
    s3.upload_file(str(path), "packaging", path.name)
    layer = lambda_.publish_layer_version(LayerName="data", Content={"S3Bucket": "packaging", "S3Key": path.name})
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("handler.py", LAYER_HANDLER)
    lambda_.create_function(
        FunctionName="packaging-data",
        Runtime="python3.12",
        Role="arn:aws:iam::123456789012:role/x",
        Handler="handler.main",
        Layers=[layer["LayerVersionArn"]],
        MemorySize=256,
        Timeout=30,
        Code={"ZipFile": code.getvalue()},
    )
    lambda_.invoke(FunctionName="packaging-data")  # brings the libraries into the page cache
    lambda_.update_function_configuration(FunctionName="packaging-data", Description="starts anew")
    started = time.monotonic()
    answer = lambda_.invoke(FunctionName="packaging-data")
    seconds = time.monotonic() - started
    assert json.loads(answer["Payload"].read()) == {
        "sum": 3,
        "s3": "S3FileSystem",
        "version": "25.0.0",
        "yaml": {"a": 1},
        "compiled": True,
    }
    assert seconds < 3  # 0.4 s on an idle machine; benchmarks/lambda_.py measures it
