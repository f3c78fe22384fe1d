# A first installation that costs little: nothing runs unless a pipeline does.
environment   = "dev"
region        = "eu-central-1"
bucket_prefix = "millrace-dev" # choose your own
force_destroy = true

log_retention_days = 14
