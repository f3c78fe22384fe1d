environment   = "prod"
region        = "eu-central-1"
bucket_prefix = "millrace-prod" # choose your own
# account     = "123456789012"  # say yours: then no other one can be meant by mistake

log_retention_days = 365

with = {
  airflow   = true
  source    = true
  stream    = true
  dashboard = true
  budget    = true
  audit     = true
}

people = { emails = ["security@example.com"] } # who is told of break-glass

airflow = {
  class       = "mw1.medium"
  max_workers = 5
}

budget = {
  monthly_usd = 1500
  emails      = ["data-platform@example.com"]
}
