"""Scaffold a pipeline for another CSV: ``make new p=orders [csv=path]``."""
