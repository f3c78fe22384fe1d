"""The command line: ``millrace demo | run | sample | show``."""

from __future__ import annotations

import argparse
import importlib
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from millrace import contracts, resources
from millrace.local import STATE
from millrace.run import run
from millrace.screen import Screen


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the arguments and do what they say; the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.do(options))
    except (contracts.ContractError, OSError, RuntimeError, ValueError) as error:
        print(f"millrace: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("millrace: stopped", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="millrace", description="Run the pipelines on the embedded AWS.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, do: Any, summary: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=summary, description=summary)
        added.set_defaults(do=do)
        added.add_argument("slug", metavar="PIPELINE", choices=resources.slugs(), help=", ".join(resources.slugs()))
        return added

    command("demo", _demo, "make sample uploads, run the pipeline on them and show its numbers and its chart")
    own = command("run", _run, "run the pipeline on your own files")
    own.add_argument("--raw", type=Path, required=True, metavar="DIR", help="files <table>*.csv or <table>/*.csv")
    own.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the results are written")
    sample = command("sample", _sample, "make sample uploads")
    sample.add_argument("--out", type=Path, required=True, metavar="DIR", help="where they are written")
    sample.add_argument("--logins", type=int, default=1_000_000, metavar="N", help="how many (default 1,000,000)")
    sample.add_argument("--seed", type=int, default=7, metavar="S", help="another seed, other data (default 7)")
    command("show", _show, "list all that belongs to the pipeline")
    return parser


def _demo(options: argparse.Namespace) -> int:
    folder: Path = STATE / "demo" / options.slug
    shutil.rmtree(folder, ignore_errors=True)

    def sample(screen: Screen) -> Path:
        with screen.step("sample uploads") as step:
            step.done(str(_generate(options.slug, folder / "raw")))
        return folder / "raw"

    return run(options.slug, sample, folder / "out", Screen(), keep_aws=folder / "aws")


def _run(options: argparse.Namespace) -> int:
    return run(options.slug, lambda screen: options.raw, options.out, Screen())


def _sample(options: argparse.Namespace) -> int:
    print(_generate(options.slug, options.out, logins=options.logins, seed=options.seed))
    return 0


def _generate(slug: str, out: Path, **settings: int) -> Any:
    """Call the pipeline's sample generator; what it says of the sample."""
    return importlib.import_module(f"millrace.samples.{slug}").generate(out, **settings)


def _show(options: argparse.Namespace) -> int:
    for path in resources.files(options.slug):
        print(path)
    return 0
