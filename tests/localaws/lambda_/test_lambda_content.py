"""Packages are unzipped safely."""

import io
import stat
import zipfile

import pytest

from localaws.core import AwsError
from localaws.lambda_.content import ContentStore


def archive(*entries):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        for entry, content in entries:
            opened.writestr(entry, content)
    return buffer.getvalue()


def link(name):
    entry = zipfile.ZipInfo(name)
    entry.create_system = 3
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


@pytest.mark.parametrize("name", ["../out.py", "/etc/out.py", "a/../../out.py", "a\\out.py"])
def test_a_name_that_leads_out_is_refused(tmp_path, name):
    with pytest.raises(AwsError, match="leads out of the package"):
        ContentStore(tmp_path / "store").add(archive((zipfile.ZipInfo(name), "x")))
    assert not list(tmp_path.rglob("out.py"))
    assert not list((tmp_path / "store").iterdir())


def test_a_symbolic_link_is_refused(tmp_path):
    with pytest.raises(AwsError, match="symbolic link"):
        ContentStore(tmp_path).add(archive((link("here"), "/etc/passwd")))


def test_a_bomb_is_refused_before_it_is_written(tmp_path):
    with pytest.raises(AwsError, match="Unzipped size must be smaller than 262144000 bytes"):
        ContentStore(tmp_path).add(archive(("a", b"\0" * 131_072_001), ("b", b"\0" * 131_072_000)))
    assert not list(tmp_path.iterdir())


def test_a_lie_about_the_size_is_refused(tmp_path):
    honest = archive(("a", b"\0" * 1_000_000))
    start = honest.rindex(b"PK\x01\x02")
    lie = honest[: start + 24] + (10).to_bytes(4, "little") + honest[start + 28 :]
    with pytest.raises(AwsError, match="Could not unzip uploaded file"):
        ContentStore(tmp_path).add(lie)


@pytest.mark.parametrize("package", [b"", b"PK", b"x" * 100])
def test_what_is_no_zip_is_refused(tmp_path, package):
    with pytest.raises(AwsError, match="Could not unzip uploaded file"):
        ContentStore(tmp_path).add(package)


def test_a_package_is_kept_with_its_programs_executable(tmp_path):
    program = zipfile.ZipInfo("bin/run")
    program.create_system = 3
    program.external_attr = 0o100700 << 16
    store = ContentStore(tmp_path)
    content = store.add(archive((program, "#!"), ("a/b.txt", "text")))
    files = store.files(content.digest)
    assert (files / "a" / "b.txt").read_text() == "text"
    assert [(files / name).stat().st_mode & 0o777 for name in ("bin/run", "a/b.txt")] == [0o755, 0o644]
    assert (content.size, content.unzipped) == (store.package(content.digest).stat().st_size, 6)
    assert store.add(store.package(content.digest).read_bytes()) == content
