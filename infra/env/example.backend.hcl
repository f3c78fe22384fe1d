# terraform init -backend-config=env/<name>.backend.hcl; the bucket is made by hand, once, versioned and private.
bucket       = "your-terraform-state"
key          = "millrace/dev.tfstate"
region       = "eu-central-1"
encrypt      = true
use_lockfile = true
