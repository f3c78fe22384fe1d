"""``python -m millrace.provision``: make everything that is declared on the embedded AWS at ``AWS_ENDPOINT_URL``."""

from __future__ import annotations

import os
import sys

import boto3

from millrace.provision.everything import provision


def main() -> int:
    """Provision every pipeline; the exit status. A real account is Terraform's, so it is refused."""
    if not os.environ.get("AWS_ENDPOINT_URL"):
        print("AWS_ENDPOINT_URL is not set: this is for the embedded AWS; see infra/ for an account", file=sys.stderr)
        return 2
    for slug in provision(boto3.client):
        print(f"provisioned {slug}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
