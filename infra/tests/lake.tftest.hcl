# Every bucket is private, encrypted with our key, versioned, reached by TLS only and tidied up.
mock_provider "aws" { source = "./tests" }

variables {
  prefix        = "test-lake"
  force_destroy = false
  buckets = {
    raw       = { description = "uploads", events = true }
    processed = { description = "tables" }
    athena    = { description = "results" }
  }
}

run "buckets" {
  command = plan
  module { source = "./modules/lake" }

  assert {
    condition     = toset([for bucket in aws_s3_bucket.this : bucket.bucket]) == toset(["test-lake-raw", "test-lake-processed", "test-lake-athena"])
    error_message = "A bucket is missing, or there is one too many."
  }
  assert {
    condition = alltrue([
      for name in keys(var.buckets) :
      aws_s3_bucket_public_access_block.this[name].block_public_acls &&
      aws_s3_bucket_public_access_block.this[name].block_public_policy &&
      aws_s3_bucket_public_access_block.this[name].ignore_public_acls &&
      aws_s3_bucket_public_access_block.this[name].restrict_public_buckets
    ])
    error_message = "A bucket may be made public."
  }
  assert {
    condition = alltrue([
      for name in keys(var.buckets) :
      one(one(aws_s3_bucket_server_side_encryption_configuration.this[name].rule).apply_server_side_encryption_by_default).sse_algorithm == "aws:kms"
    ])
    error_message = "A bucket is not encrypted with the lake's key."
  }
  assert {
    condition     = alltrue([for name in keys(var.buckets) : aws_s3_bucket_versioning.this[name].versioning_configuration[0].status == "Enabled"])
    error_message = "A bucket keeps no versions."
  }
  assert {
    condition = alltrue([
      for name in keys(var.buckets) :
      contains([for rule in aws_s3_bucket_lifecycle_configuration.this[name].rule : rule.id], "unfinished-uploads")
    ])
    error_message = "A bucket keeps unfinished uploads for ever."
  }
  assert {
    condition     = keys(aws_s3_bucket_notification.this) == ["raw"] && aws_s3_bucket_notification.this["raw"].eventbridge
    error_message = "Buckets that are declared with events, and no others, tell EventBridge."
  }
  assert {
    condition     = !anytrue([for bucket in aws_s3_bucket.this : bucket.force_destroy])
    error_message = "A bucket that holds objects could be destroyed."
  }
  assert {
    condition     = aws_kms_key.lake.enable_key_rotation
    error_message = "The key is not rotated."
  }
}

run "tls_only" {
  command = apply
  module { source = "./modules/lake" }

  assert {
    condition = alltrue([
      for policy in aws_s3_bucket_policy.this : alltrue([
        for statement in jsondecode(policy.policy).Statement :
        statement.Effect == "Deny" && statement.Action == "s3:*" && statement.Principal == "*" &&
        statement.Condition.Bool["aws:SecureTransport"] == "false" && length(statement.Resource) == 2
      ])
    ])
    error_message = "A bucket can be reached without TLS."
  }
}
