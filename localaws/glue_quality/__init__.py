"""Glue Data Quality: DQDL rulesets, really evaluated over tables of the catalog."""
