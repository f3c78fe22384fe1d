"""``python -m localaws.spark``: fetch Spark, its S3 connector and, where none is installed, a Java."""

from __future__ import annotations

import argparse
import sys

from localaws.spark.prepare import ready
from localaws.spark.runs import SparkError


def main(arguments: list[str] | None = None) -> int:
    """Fetch; the exit status is 0 when all is there."""
    parser = argparse.ArgumentParser(prog="python -m localaws.spark", description=__doc__)
    parser.parse_args(arguments)
    try:
        found = ready()
    except SparkError as error:
        print(f"localaws: {error}", file=sys.stderr)
        return 1
    print(f"Spark: {found.python.parent}\nJava: {found.java}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
