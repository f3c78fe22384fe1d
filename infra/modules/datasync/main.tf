# DataSync: a server's folder into the raw bucket by schedule, the managed alternative to `millrace sync`. An agent must run
# beside the server. A file `events*.csv` of the folder belongs to the table raw_events, as `millrace sync` has it.

variable "prefix" { type = string }
variable "server" {
  type = object({ agents = list(string), host = string, folder = string, schedule = string })
}
variable "tables" {
  description = "Where the files of each table go, and what their names begin with."
  type        = map(object({ folder = string, files = string }))
}
variable "bucket" { type = object({ name = string, arn = string }) }
variable "kms_key" { type = string }
variable "log_retention_days" { type = number }

data "aws_caller_identity" "this" {}
data "aws_region" "this" {}

locals {
  account = data.aws_caller_identity.this.account_id
  region  = data.aws_region.this.name
}

module "role" {
  source   = "../role"
  name     = "${var.prefix}-datasync"
  services = ["datasync.amazonaws.com"]
  account  = local.account

  statements = [
    {
      Effect   = "Allow"
      Action   = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
      Resource = [var.bucket.arn]
    },
    {
      Effect = "Allow"
      Action = [
        "s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:GetObjectTagging",
        "s3:PutObjectTagging",
      ]
      Resource = [for table in values(var.tables) : "${var.bucket.arn}/${table.folder}*"]
    },
    {
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = [var.kms_key]
    },
  ]
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:How long is the installation's to say: env/prod.tfvars keeps a year, env/dev.tfvars two weeks.
  name              = "/aws/datasync/${var.prefix}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key
}

resource "aws_cloudwatch_log_resource_policy" "this" {
  policy_name = "${var.prefix}-datasync"
  policy_document = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "datasync.amazonaws.com" }
      Action    = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource  = "${aws_cloudwatch_log_group.this.arn}:*"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_datasync_location_nfs" "server" {
  server_hostname = var.server.host
  subdirectory    = var.server.folder
  on_prem_config { agent_arns = var.server.agents }
}

resource "aws_datasync_location_s3" "table" {
  for_each      = var.tables
  s3_bucket_arn = var.bucket.arn
  subdirectory  = "/${each.value.folder}"
  s3_config { bucket_access_role_arn = module.role.arn }
  depends_on = [module.role]
}

resource "aws_datasync_task" "this" {
  for_each                 = var.tables
  name                     = "${var.prefix}-${replace(each.key, "/", "-")}"
  source_location_arn      = aws_datasync_location_nfs.server.arn
  destination_location_arn = aws_datasync_location_s3.table[each.key].arn
  cloudwatch_log_group_arn = aws_cloudwatch_log_group.this.arn

  includes {
    filter_type = "SIMPLE_PATTERN"
    value       = "/${each.value.files}*" # a wildcard may only stand at the end
  }

  options {
    transfer_mode          = "CHANGED"
    overwrite_mode         = "ALWAYS"
    preserve_deleted_files = "PRESERVE" # the raw bucket keeps what a server forgets
    verify_mode            = "ONLY_FILES_TRANSFERRED"
    log_level              = "TRANSFER"
    gid                    = "NONE"
    uid                    = "NONE"
    posix_permissions      = "NONE"
  }

  schedule { schedule_expression = var.server.schedule }
}
