# The buckets, private, encrypted with one key, versioned, reached by TLS only.

variable "prefix" { type = string }
variable "buckets" { type = map(any) }
variable "force_destroy" { type = bool }

data "aws_caller_identity" "this" {}
data "aws_region" "this" {}

resource "aws_kms_key" "lake" {
  description             = "What the lake holds: buckets, logs, secrets, query results"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = jsonencode({ Version = "2012-10-17", Statement = local.key_statements })
}

resource "aws_kms_alias" "lake" {
  name          = "alias/${var.prefix}-lake"
  target_key_id = aws_kms_key.lake.key_id
}

locals {
  account = data.aws_caller_identity.this.account_id
  region  = data.aws_region.this.name

  key_statements = [
    {
      Sid       = "TheAccountDecidesByItsPolicies"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::${local.account}:root" }
      Action    = "kms:*" # of this key alone: without it nobody could administer the key
      Resource  = "*"     # which in a key's policy means the key
    },
    {
      Sid       = "LogsAreEncrypted"
      Effect    = "Allow"
      Principal = { Service = "logs.${local.region}.amazonaws.com" }
      Action    = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
      Resource  = "*"
      Condition = { ArnLike = { "kms:EncryptionContext:aws:logs:arn" = "arn:aws:logs:${local.region}:${local.account}:*" } }
    },
    {
      Sid       = "AlarmsReachTopics"
      Effect    = "Allow"
      Principal = { Service = "cloudwatch.amazonaws.com" }
      Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
      Resource  = "*"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    },
    {
      Sid       = "EventsReachQueues"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
      Resource  = "*"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    },
  ]
}

locals {
  # What publishing tags so is read by nobody who began after it.
  superseded = { superseded = { tag = "superseded", expire_days = 7 } }
  rules = {
    raw       = { colder = { colder_days = 90 } } # uploads are kept: everything else can be made from them again
    processed = local.superseded
    final     = local.superseded
    athena    = { results = { expire_days = 14 } }
  }
}

module "bucket" {
  source        = "../private_bucket"
  for_each      = var.buckets
  name          = "${var.prefix}-${each.key}"
  kms_key       = aws_kms_key.lake.arn
  force_destroy = var.force_destroy
  tags          = { holds = substr(replace(each.value.description, "/[^A-Za-z0-9 +=._:@-]/", ""), 0, 250) }
  events        = try(each.value.events, false)
  rules         = try(local.rules[each.key], {})
}

output "kms_key" { value = aws_kms_key.lake.arn }

output "buckets" {
  description = "Name and ARN by short name."
  value       = { for name, made in module.bucket : name => made.bucket }
}
