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

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_18:The audit (with.audit) writes down each object read or written, with who did it, which access logs do not.
  #checkov:skip=CKV_AWS_144:One region: uploads are kept by those who sent them, and all else is made from them again.
  for_each      = var.buckets
  bucket        = "${var.prefix}-${each.key}"
  force_destroy = var.force_destroy
  tags          = { holds = substr(replace(each.value.description, "/[^A-Za-z0-9 +=._:@-]/", ""), 0, 250) }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each                = var.buckets
  bucket                  = aws_s3_bucket.this[each.key].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = var.buckets
  bucket   = aws_s3_bucket.this[each.key].id
  rule { object_ownership = "BucketOwnerEnforced" }
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = var.buckets
  bucket   = aws_s3_bucket.this[each.key].id
  versioning_configuration { status = "Enabled" }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = var.buckets
  bucket   = aws_s3_bucket.this[each.key].id

  rule {
    bucket_key_enabled = true # a call to KMS for a bucket, not for each object
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.lake.arn
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = var.buckets
  bucket   = aws_s3_bucket.this[each.key].id

  rule {
    id     = "unfinished-uploads" # a function that is killed leaves one
    status = "Enabled"
    filter {}
    abort_incomplete_multipart_upload { days_after_initiation = 2 }
  }

  rule {
    id     = "old-versions"
    status = "Enabled"
    filter {}
    noncurrent_version_expiration { noncurrent_days = 30 }
  }

  dynamic "rule" {
    for_each = contains(["final", "processed"], each.key) ? ["superseded"] : []
    content {
      id     = rule.value # what publishing tags so is read by nobody who began after it
      status = "Enabled"
      filter {
        tag {
          key   = "superseded"
          value = "true"
        }
      }
      expiration { days = 7 }
    }
  }

  dynamic "rule" {
    for_each = each.key == "athena" ? ["results"] : []
    content {
      id     = rule.value
      status = "Enabled"
      filter {}
      expiration { days = 14 }
    }
  }

  dynamic "rule" {
    for_each = each.key == "raw" ? ["colder"] : []
    content {
      id     = rule.value # uploads are kept: everything else can be made from them again
      status = "Enabled"
      filter {}
      transition {
        days          = 90
        storage_class = "STANDARD_IA"
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_bucket_policy" "this" {
  for_each = var.buckets
  bucket   = aws_s3_bucket.this[each.key].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [aws_s3_bucket.this[each.key].arn, "${aws_s3_bucket.this[each.key].arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })

  depends_on = [aws_s3_bucket_public_access_block.this]
}

resource "aws_s3_bucket_notification" "this" {
  for_each    = { for name, bucket in var.buckets : name => bucket if try(bucket.events, false) }
  bucket      = aws_s3_bucket.this[each.key].id
  eventbridge = true
}

output "kms_key" { value = aws_kms_key.lake.arn }

output "buckets" {
  description = "Name and ARN by short name; made of what is known before the bucket is there, so that plans show policies."
  value = {
    for name, bucket in aws_s3_bucket.this : name => { name = bucket.bucket, arn = "arn:aws:s3:::${bucket.bucket}" }
  }
}
