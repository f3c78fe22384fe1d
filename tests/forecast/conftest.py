"""The forecasting library, as the Glue job gets it; it is not among what the project itself needs."""

import sys

import pytest

from localaws.cache import cache_folder
from localaws.spark.libraries import link_modules
from localaws.spark.runs import SparkError
from millrace import resources


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    """Makes statsforecast importable; installed into the cache once, where it is not yet."""
    (job,) = (job for job in resources.pipeline("transactions").jobs if job.name == "transactions_forecast")
    try:
        folders = link_modules(job.modules, tmp_path_factory.mktemp("modules"), cache_folder())
    except SparkError as error:
        pytest.skip(f"the forecasting library cannot be had: {error}")
    sys.path.extend(map(str, folders))  # behind all else: NumPy and the like stay those of the tests
