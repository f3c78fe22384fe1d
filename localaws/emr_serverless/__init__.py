"""EMR Serverless: applications that run Spark scripts."""
