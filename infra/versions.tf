terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # `make deploy` says where the state is: the bucket <bucket_prefix>-terraform, the key <environment>.tfstate.
  backend "s3" {}
}

provider "aws" {
  region              = var.region
  allowed_account_ids = var.account == null ? null : [var.account]

  default_tags {
    tags = {
      project     = "millrace"
      environment = var.environment
    }
  }
}
