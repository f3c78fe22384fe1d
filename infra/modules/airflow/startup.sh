#!/bin/sh
# MWAA runs this in each of its containers before Airflow starts there, and takes over what it exports.

# A day with hundreds of uploads calls Lambda, Athena and Glue from as many tasks at once, and an account has limits.
# boto3 by itself gives up at the fifth try; so does what Airflow's operators do by it.
export AWS_RETRY_MODE=standard
export AWS_MAX_ATTEMPTS=10

echo "millrace: boto3 tries ${AWS_MAX_ATTEMPTS} times (${AWS_RETRY_MODE})"
