# CloudTrail: who did what in the account, and who read or wrote which object of the lake. The trail lies in a bucket and
# under a key of its own, so that nobody who may read the lake may read or change it.

variable "prefix" { type = string }
variable "buckets" { type = map(object({ name = string, arn = string })) }
variable "keep_days" { type = number }
variable "force_destroy" { type = bool }

data "aws_caller_identity" "this" {}
data "aws_region" "this" {}

locals {
  account = data.aws_caller_identity.this.account_id
  name    = "${var.prefix}-audit"
  trail   = "arn:aws:cloudtrail:${data.aws_region.this.name}:${local.account}:trail/${local.name}"
  bucket  = "arn:aws:s3:::${local.name}"
}

resource "aws_kms_key" "this" {
  description             = "What the audit holds, and the notices of its alarms"
  enable_key_rotation     = true
  deletion_window_in_days = 30

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TheAccountDecidesByItsPolicies"
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::${local.account}:root" }
        Action    = "kms:*" # of this key alone: without it nobody could administer the key
        Resource  = "*"     # which in a key's policy means the key
      },
      {
        Sid       = "TheTrailIsEncrypted"
        Effect    = "Allow"
        Principal = { Service = "cloudtrail.amazonaws.com" }
        Action    = ["kms:GenerateDataKey*", "kms:DescribeKey"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceArn" = local.trail } }
      },
      {
        Sid       = "EventsReachTheTopic"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
      },
    ]
  })
}

resource "aws_kms_alias" "this" {
  name          = "alias/${local.name}"
  target_key_id = aws_kms_key.this.key_id
}

module "bucket" {
  source        = "../private_bucket"
  name          = local.name
  kms_key       = aws_kms_key.this.arn
  force_destroy = var.force_destroy
  rules         = { kept = { expire_days = var.keep_days } }

  statements = [
    {
      Sid       = "TheTrailLooks"
      Effect    = "Allow"
      Principal = { Service = "cloudtrail.amazonaws.com" }
      Action    = "s3:GetBucketAcl"
      Resource  = local.bucket
      Condition = { StringEquals = { "aws:SourceArn" = local.trail } }
    },
    {
      Sid       = "TheTrailWrites"
      Effect    = "Allow"
      Principal = { Service = "cloudtrail.amazonaws.com" }
      Action    = "s3:PutObject"
      Resource  = "${local.bucket}/AWSLogs/${local.account}/*"
      Condition = { StringEquals = { "aws:SourceArn" = local.trail, "s3:x-amz-acl" = "bucket-owner-full-control" } }
    },
  ]
}

resource "aws_cloudtrail" "this" {
  #checkov:skip=CKV2_AWS_10:EventBridge watches the events; in CloudWatch's logs they would be paid for a second time.
  #checkov:skip=CKV_AWS_252:The notice of each file would tell of nothing; use of the break-glass role is told by EventBridge.
  name                          = local.name
  s3_bucket_name                = module.bucket.bucket.name
  kms_key_id                    = aws_kms_key.this.arn
  enable_logging                = true
  enable_log_file_validation    = true
  is_multi_region_trail         = true
  include_global_service_events = true

  advanced_event_selector {
    name = "What is done to the account"
    field_selector {
      field  = "eventCategory"
      equals = ["Management"]
    }
  }

  advanced_event_selector {
    name = "Who reads and writes the lake's objects"
    field_selector {
      field  = "eventCategory"
      equals = ["Data"]
    }
    field_selector {
      field  = "resources.type"
      equals = ["AWS::S3::Object"]
    }
    field_selector {
      field       = "resources.ARN"
      starts_with = [for bucket in var.buckets : "${bucket.arn}/"]
    }
  }

  depends_on = [module.bucket]
}

output "trail" { value = local.trail }
output "bucket" { value = module.bucket.bucket }
output "kms_key" { value = aws_kms_key.this.arn }
