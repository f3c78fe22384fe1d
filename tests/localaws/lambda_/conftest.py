"""Functions deployed from a string of source, over HTTP."""

import io
import json
import textwrap
import uuid
import zipfile
from pathlib import Path

import pytest

ROLE = "arn:aws:iam::123456789012:role/lambda"


def zipped(files):
    """A package of these files, text by path."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def lambda_(client):
    return client("lambda")


@pytest.fixture(scope="session")
def make_zip():
    return zipped


@pytest.fixture(scope="session")
def runs():
    """Whether a process is alive, by its id."""

    def alive(pid):
        try:
            return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return False

    return alive


@pytest.fixture
def deploy(lambda_):
    """Deploys ``handler.py`` of this source under a name of its own, which it returns; removed after the test."""
    names = []

    def make(source, **settings):
        name = settings.pop("FunctionName", f"f-{uuid.uuid4().hex[:12]}")
        code = {"ZipFile": zipped({"handler.py": textwrap.dedent(source)})}
        defaults = {"Runtime": "python3.11", "Role": ROLE, "Handler": "handler.main", "Timeout": 10, "Code": code}
        lambda_.create_function(FunctionName=name, **{**defaults, **settings})
        names.append(name)
        return name

    yield make
    for name in names:
        lambda_.delete_function(FunctionName=name)


@pytest.fixture
def invoke(lambda_):
    """Invokes with an event; (payload, answer)."""

    def call(name, event=None, **options):
        answer = lambda_.invoke(FunctionName=name, Payload=json.dumps(event or {}), **options)
        return json.loads(answer["Payload"].read() or b"null"), answer

    return call
