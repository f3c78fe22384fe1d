"""QuickSight: Athena data sources, data sets, SPICE ingestions, dashboards and the page that renders them."""
