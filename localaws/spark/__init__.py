"""Spark on this machine: fetched once, started when needed, kept warm between jobs."""
