"""CloudWatch: metrics that are kept and read back by period, alarms that evaluate them and act."""
