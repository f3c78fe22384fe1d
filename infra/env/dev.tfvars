# A first installation that costs little, with every switch off: nothing runs unless a pipeline does (docs/deploy.md).
environment   = "dev"
region        = "eu-central-1"
bucket_prefix = "millrace-dev" # choose your own
# account     = "123456789012" # say yours: then no other one can be meant by mistake
force_destroy = true

log_retention_days = 14
