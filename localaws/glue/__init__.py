"""Glue: the Data Catalog, crawlers that read the data, jobs that run."""
