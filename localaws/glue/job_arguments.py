"""The arguments that Glue itself reads: which are followed, which mean nothing here, which are refused."""

from __future__ import annotations

from collections.abc import Mapping

from localaws.core import NotSupported

EXTRA_PY_FILES = "--extra-py-files"
EXTRA_JARS = "--extra-jars"
EXTRA_FILES = "--extra-files"
MODULES = "--additional-python-modules"
CONF = "--conf"
BOOKMARK = "--job-bookmark-option"
CATALOG = "--enable-glue-datacatalog"
SCRIPT = "--scriptLocation"
BOOKMARK_OPTIONS = ("job-bookmark-enable", "job-bookmark-disable", "job-bookmark-pause")

_REFUSED = {
    "--datalake-formats": "Iceberg, Hudi and Delta Lake are not here",
    "--job-bookmark-from": "a paused bookmark is read from where the last commit left it",
    "--job-bookmark-to": "a paused bookmark is read from where the last commit left it",
    "--class": "only Python is run",
    "--write-shuffle-files-to-s3": "shuffle files stay on this machine",
    "--customer-driver-env-vars": "give what the script needs as arguments",
}


def check_arguments(arguments: Mapping[str, str]) -> None:
    """Raise NotSupported for an argument whose effect would be missing."""
    for name, why in _REFUSED.items():
        if arguments.get(name) not in (None, "", "false"):
            raise NotSupported(f"The job argument {name} is refused: {why}.")
    if arguments.get("--job-language", "python") != "python":
        raise NotSupported("The job argument --job-language is refused: only Python is run.")
    if (option := arguments.get(BOOKMARK)) is not None and option not in BOOKMARK_OPTIONS:
        raise NotSupported(f"{BOOKMARK} is {option!r}; it may be {', '.join(BOOKMARK_OPTIONS)}.")


def listed(arguments: Mapping[str, str], name: str) -> list[str]:
    """The parts of an argument that is a list with commas."""
    return [part.strip() for part in arguments.get(name, "").split(",") if part.strip()]


def spark_conf(arguments: Mapping[str, str]) -> dict[str, str]:
    """The Spark properties of ``--conf``: ``a=b --conf c=d``, as Glue takes several. Raises ValueError."""
    conf = {}
    for part in arguments.get(CONF, "").split("--conf"):
        text = part.strip()
        if not text:
            continue
        name, equals, value = text.partition("=")
        if not equals or not name.strip().startswith("spark."):
            raise ValueError(f"{CONF} holds {text!r}, which is not of the form spark.name=value")
        conf[name.strip()] = value.strip()
    return conf


def enabled(arguments: Mapping[str, str], name: str) -> bool:
    """Whether a switch is on: given without a value, or as true."""
    return name in arguments and arguments[name].lower() in ("", "true")
