# Every bucket is private, encrypted with our key, versioned, reached by TLS only and tidied up.
mock_provider "aws" { source = "./tests" }

variables {
  name          = "test-lake-raw"
  kms_key       = "arn:aws:kms:eu-central-1:123456789012:key/k"
  force_destroy = false
  events        = true
  rules         = { old = { tag = "superseded", expire_days = 7 }, colder = { colder_days = 90 } }

  prefix = "test-lake"
  buckets = {
    raw       = { description = "uploads", events = true }
    processed = { description = "tables" }
    athena    = { description = "results" }
  }
}

run "bucket" {
  command = plan
  module { source = "./modules/private_bucket" }

  assert {
    condition = (
      aws_s3_bucket_public_access_block.this.block_public_acls &&
      aws_s3_bucket_public_access_block.this.block_public_policy &&
      aws_s3_bucket_public_access_block.this.ignore_public_acls &&
      aws_s3_bucket_public_access_block.this.restrict_public_buckets
    )
    error_message = "The bucket may be made public."
  }
  assert {
    condition = (
      one(one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default) ==
      { sse_algorithm = "aws:kms", kms_master_key_id = var.kms_key }
    )
    error_message = "The bucket is not encrypted with our key."
  }
  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "The bucket keeps no versions."
  }
  assert {
    condition = alltrue([
      for id in ["unfinished-uploads", "old-versions", "old", "colder"] :
      contains([for rule in aws_s3_bucket_lifecycle_configuration.this.rule : rule.id], id)
    ])
    error_message = "The bucket keeps for ever what nobody needs."
  }
  assert {
    condition = alltrue([
      for rule in aws_s3_bucket_lifecycle_configuration.this.rule :
      try(one(one(rule.filter).tag).key, null) == "superseded" if length(rule.expiration) > 0
    ])
    error_message = "The bucket deletes more than what is superseded."
  }
  assert {
    condition     = one(aws_s3_bucket_notification.this[*].eventbridge)
    error_message = "EventBridge is not told of what arrives."
  }
  assert {
    condition     = !aws_s3_bucket.this.force_destroy
    error_message = "A bucket that holds objects could be destroyed."
  }
}

run "tls_only" {
  command = apply
  module { source = "./modules/private_bucket" }

  assert {
    condition = alltrue([
      for statement in jsondecode(aws_s3_bucket_policy.this.policy).Statement :
      statement.Effect == "Deny" && statement.Action == "s3:*" && statement.Principal == "*" &&
      statement.Condition.Bool["aws:SecureTransport"] == "false" && length(statement.Resource) == 2
    ])
    error_message = "The bucket can be reached without TLS."
  }
}

run "lake" {
  command = plan
  module { source = "./modules/lake" }

  assert {
    condition     = { for name, bucket in output.buckets : name => bucket.name } == { for name in keys(var.buckets) : name => "test-lake-${name}" }
    error_message = "A bucket is missing, or there is one too many."
  }
  assert {
    condition     = aws_kms_key.lake.enable_key_rotation
    error_message = "The key is not rotated."
  }
}
