"""AWS Glue's library for job scripts, as scripts commonly use it, on plain Spark; what it lacks raises and says why."""
