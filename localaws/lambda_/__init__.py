"""AWS Lambda that runs the deployed code: real subprocesses, driven by AWS's own runtime client."""
