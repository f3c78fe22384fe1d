"""The command line: ``millrace demo | run | sample | new | sync | stream | cost | show | deploy | doctor …``."""

from __future__ import annotations

import argparse
import datetime as dt
import importlib
import inspect
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from millrace import contracts, costs, load, resources, stream
from millrace.bundle import bundle
from millrace.local import BUCKET_PREFIX, STATE
from millrace.run import run
from millrace.screen import Screen
from millrace.sync import find, sync

# How an option of a sample generator is read, by the type of its default.
_READERS: dict[type, Callable[[str], object]] = {int: int, float: float, str: str, dt.date: dt.date.fromisoformat}


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the arguments and do what they say; the exit status."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if rest and not options.has_own:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    options.rest = rest
    try:
        return int(options.do(options))
    except (contracts.ContractError, OSError, RuntimeError, ValueError) as error:
        print(f"millrace: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("millrace: stopped", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="millrace", description="Run pipelines on the embedded AWS; deploy them.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, do: Any, summary: str, **settings: Any) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=summary, description=summary, **settings)
        added.set_defaults(do=do, has_own=not settings.get("add_help", True))
        added.add_argument("slug", metavar="PIPELINE", choices=resources.slugs(), help=", ".join(resources.slugs()))
        return added

    command("demo", _demo, "make sample data, run the pipeline on them and show its numbers and its chart")
    own = command("run", _run, "run the pipeline on your own data")
    own.add_argument("--raw", type=Path, required=True, metavar="DIR", help="raw data, such as files <table>*.csv")
    own.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the results are written")
    command("sample", _sample, "make sample data; PIPELINE --help tells its options", add_help=False)
    new = commands.add_parser("new", help="scaffold a pipeline for another CSV", description=_new.__doc__)
    new.set_defaults(do=_new, has_own=False)
    new.add_argument("slug", metavar="NAME", help="its name: lower case letters, digits and _")
    new.add_argument("--csv", type=Path, metavar="FILE", help="an example, whose header and rows tell the columns")
    folder = command(
        "sync", _sync, "bring a folder's new and changed files into the raw bucket, on whatever AWS is set"
    )
    folder.add_argument("folder", type=Path, metavar="SRC", help="files <table>*.csv or <table>/**/*.csv, plain or .gz")
    folder.add_argument("--bucket-prefix", default=BUCKET_PREFIX, metavar="P", help=f"default {BUCKET_PREFIX}")
    command("show", _show, "list all that belongs to the pipeline, with the number of lines")
    load.add_arguments(command("load", load.main, "fill the pipeline's source database from a dump"))
    stream.add_arguments(command("stream", stream.main, "send live records to the pipeline's stream, for some time"))
    costs.add_arguments(command("cost", costs.main, "what a day of the pipeline costs on AWS, at list price"))
    services = commands.add_parser("up", help=(summary := "run Airflow's UI and services beside the embedded AWS"))
    services.description = summary
    services.set_defaults(do=_up)
    services.add_argument("--data", type=Path, default=STATE / "up", metavar="DIR", help="where all is kept")
    services.add_argument("--port", type=int, default=8080, metavar="N", help="Airflow's port (default 8080)")
    services.add_argument("--aws-port", type=int, default=4566, metavar="N", help="the AWS's port (default 4566)")
    packages = commands.add_parser("package", help=(summary := "build all that a real account is given"))
    packages.description = summary
    packages.set_defaults(do=_package)
    packages.add_argument("--out", type=Path, default=resources.ROOT / "build", metavar="DIR", help="where to")
    packages.add_argument("--architecture", choices=("x86_64", "arm64"), default="arm64", help="of Lambda functions")
    packages.add_argument(
        "--without-internet", action="store_true", help="bring Airflow wheels, which cannot reach PyPI"
    )
    added = commands.add_parser("deploy", help=(summary := "bring an AWS account to what this checkout says"))
    added.description = summary
    added.set_defaults(do=_deploy)
    added.add_argument("--env", required=True, metavar="NAME", help="the installation of infra/env/NAME.tfvars")
    added.add_argument("--plan", action="store_true", help="show what there is to do, and do nothing")
    added.add_argument("--approve", action="store_true", help="do not ask before it is done")
    added.add_argument("--make-state", action="store_true", help="make the bucket for Terraform's state unasked")
    added.add_argument("--architecture", choices=("x86_64", "arm64"), default="arm64", help="of Lambda functions")
    added = commands.add_parser("doctor", help=(summary := "say what is there, what is missing and how to mend it"))
    added.description = (
        f"{summary}, on this machine and in an account, or on the embedded AWS that AWS_ENDPOINT_URL names"
    )
    added.set_defaults(do=_doctor)
    added.add_argument("--env", metavar="NAME", help="look at the installation of infra/env/NAME.tfvars too")
    return parser


def _deploy(options: argparse.Namespace) -> int:
    from millrace.deploy import deploy  # which only this command needs

    return deploy(
        options.env,
        Screen(),
        plan_only=options.plan,
        approve=options.approve,
        make_state=options.make_state,
        architecture=options.architecture,
    )


def _doctor(options: argparse.Namespace) -> int:
    from millrace.doctor import examine  # which only this command needs

    return examine(options.env, Screen())


def _package(options: argparse.Namespace) -> int:
    bundle(options.out, options.architecture, internet=not options.without_internet)
    print(options.out / "packages.json")
    return 0


def _up(options: argparse.Namespace) -> int:
    from millrace.up import up  # which only this command needs

    return up(options.data.resolve(), options.port, options.aws_port, Screen())


def _demo(options: argparse.Namespace) -> int:
    folder: Path = STATE / "demo" / options.slug
    shutil.rmtree(folder, ignore_errors=True)
    return run(
        options.slug,
        folder / "raw",
        folder / "out",
        Screen(),
        sample=_generator(options.slug),
        keep_aws=folder / "aws",
        then=resources.pipeline(options.slug).source.then,
    )


def _run(options: argparse.Namespace) -> int:
    return run(options.slug, options.raw, options.out, Screen())


def _sync(options: argparse.Namespace) -> int:
    import boto3  # which only this command needs

    found = find(options.slug, options.folder)
    bucket = f"{options.bucket_prefix}-raw"
    total = sum(file.path.stat().st_size for file in found.files)
    screen = Screen()
    with screen.bytes("sync", total) as advance:
        outcome = sync(boto3.client("s3"), bucket, found.files, advance)
    for path in found.other:
        screen.console.print(f"  left alone, of no table: {path}", markup=False)
    screen.console.print(
        f"{len(outcome.sent):,} files sent ({outcome.size / 1e6:,.1f} MB), {len(outcome.unchanged):,} were there "
        f"already, in s3://{bucket}/{options.slug}/"
    )
    return 0


def _sample(options: argparse.Namespace) -> int:
    """Call the pipeline's generator, whose keyword arguments are the options, and print what it says."""
    generate = _generator(options.slug)
    parser = argparse.ArgumentParser(prog=f"millrace sample {options.slug}", description=inspect.getdoc(generate))
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the sample is written")
    for name, parameter in inspect.signature(generate).parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY:
            default = parameter.default
            read = _READERS[type(default)]
            option = f"--{name.replace('_', '-')}"
            parser.add_argument(option, type=read, default=default, metavar="V", help=f"default {default}")
    settings = vars(parser.parse_args(options.rest))
    print(generate(settings.pop("out"), **settings))
    return 0


def _generator(slug: str) -> Callable[..., object]:
    """The pipeline's sample generator."""
    generate: Callable[..., object] = importlib.import_module(f"millrace.samples.{slug}").generate
    return generate


def _new(options: argparse.Namespace) -> int:
    """Write contracts, resources, DAG, Glue job, SQL, dashboard, sample and test of a pipeline for another CSV."""
    from millrace.scaffold import pipeline

    for path in pipeline.create(options.slug, options.csv):
        print(f"  {path}")
    print(f"Look through datasets/{options.slug}/, then: make demo p={options.slug}")
    return 0


def _show(options: argparse.Namespace) -> int:
    total = 0
    for path in resources.files(options.slug):
        content = (resources.ROOT / path).read_bytes()
        lines = 0 if b"\0" in content else content.count(b"\n")  # a picture has none
        total += lines
        print(f"{lines:7,}  {path}")
    print(f"{total:7,}  in all")
    return 0
