# A bucket that is private, encrypted with a key of ours, versioned, tidied up and reached by TLS only.

variable "name" { type = string }
variable "kms_key" { type = string }
variable "force_destroy" { type = bool }
variable "tags" {
  type    = map(string)
  default = {}
}
variable "events" {
  description = "Whether EventBridge is told of what arrives."
  type        = bool
  default     = false
}
variable "rules" {
  description = "What becomes of objects, of those with a tag (its value true) or of all: by a name for each rule."
  type        = map(object({ tag = optional(string), expire_days = optional(number), colder_days = optional(number) }))
  default     = {}
}
variable "statements" {
  description = "Statements of the bucket's policy, besides that it is reached by TLS only."
  type        = any
  default     = []
}

locals { arn = "arn:aws:s3:::${var.name}" }

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_18:The audit (with.audit) writes down each object read or written, with who did it, which access logs do not.
  #checkov:skip=CKV_AWS_144:One region: uploads are kept by those who sent them, all else is made from them again, and a trail tells of what is here.
  bucket        = var.name
  force_destroy = var.force_destroy
  tags          = var.tags
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket                  = aws_s3_bucket.this.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  bucket = aws_s3_bucket.this.id
  rule { object_ownership = "BucketOwnerEnforced" }
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id
  versioning_configuration { status = "Enabled" }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    bucket_key_enabled = true # a call to KMS for a bucket, not for each object
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = var.kms_key
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  bucket = aws_s3_bucket.this.id

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
    for_each = var.rules
    content {
      id     = rule.key
      status = "Enabled"

      filter {
        dynamic "tag" {
          for_each = rule.value.tag[*]
          content {
            key   = tag.value
            value = "true"
          }
        }
      }

      dynamic "expiration" {
        for_each = rule.value.expire_days[*]
        content { days = expiration.value }
      }

      dynamic "transition" {
        for_each = rule.value.colder_days[*]
        content {
          days          = transition.value
          storage_class = "STANDARD_IA"
        }
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_bucket_policy" "this" {
  bucket = aws_s3_bucket.this.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([{
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [local.arn, "${local.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }], var.statements)
  })

  depends_on = [aws_s3_bucket_public_access_block.this]
}

resource "aws_s3_bucket_notification" "this" {
  count       = var.events ? 1 : 0
  bucket      = aws_s3_bucket.this.id
  eventbridge = true
}

output "bucket" {
  description = "Its name, once it is there, and its ARN, known before, so that plans show policies."
  value       = { name = aws_s3_bucket.this.bucket, arn = local.arn }
}
