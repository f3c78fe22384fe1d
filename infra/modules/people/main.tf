# The roles that people take on, each with a second factor: analyst, steward, operator, auditor, and break-glass, whose use
# is told at once. docs/access.md says what each may do and is tested against this.
#
# Without Lake Formation an analyst reads the derived tables that have no personal column, by their folders. With it
# (`by_columns`) nobody here reads objects: Lake Formation hands out the columns that a role may see.

variable "prefix" { type = string }
variable "trusted" {
  description = "Who may take the roles on: ARNs; else whom the account's own policies allow to."
  type        = list(string)
}
variable "by_columns" { type = bool }
variable "scan_cutoff_bytes" { type = number }
variable "buckets" { type = map(object({ name = string, arn = string })) }
variable "open_folders" {
  description = "ARNs, without the last /, of the derived tables that have no personal column."
  type        = list(string)
}
variable "kms_key" { type = string }
variable "databases" { type = list(string) }
variable "workgroup" { type = string }
variable "jobs" { type = list(string) }
variable "crawlers" { type = list(string) }
variable "functions" { type = list(string) }
variable "streams" { type = list(string) }
variable "queues" { type = list(string) }
variable "rules" { type = list(string) }
variable "secrets" { type = map(string) }
variable "airflow" {
  description = "The MWAA environment's name, if there is one."
  type        = string
  default     = null
}
variable "audit" {
  description = "The trail that tells of break-glass; without it there is no such role."
  type        = object({ trail = string, bucket = object({ name = string, arn = string }), kms_key = string })
  default     = null
}
variable "told" {
  description = "Who gets a mail when break-glass is used."
  type        = list(string)
}

data "aws_caller_identity" "this" {}
data "aws_region" "this" {}

resource "aws_iam_role" "this" {
  for_each             = local.statements
  name                 = "${var.prefix}-${each.key}"
  max_session_duration = 3600

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { AWS = length(var.trusted) == 0 ? ["arn:aws:iam::${local.account}:root"] : var.trusted }
      # In this region, where the rule that tells of break-glass sees it.
      Condition = {
        Bool            = { "aws:MultiFactorAuthPresent" = "true" }
        NumericLessThan = { "aws:MultiFactorAuthAge" = "3600" }
        StringEquals    = { "aws:RequestedRegion" = local.region }
      }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  for_each = local.statements
  name     = "as-declared"
  role     = aws_iam_role.this[each.key].id
  policy   = jsonencode({ Version = "2012-10-17", Statement = jsondecode(each.value) })
}

resource "aws_athena_workgroup" "this" {
  for_each      = local.askers
  name          = "${var.prefix}-${each.key}"
  force_destroy = true # a workgroup's history is no data

  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = var.scan_cutoff_bytes

    engine_version { selected_engine_version = "Athena engine version 3" }

    result_configuration {
      output_location = "s3://${var.buckets["athena"].name}/people/${each.key}/"
      encryption_configuration {
        encryption_option = "SSE_KMS"
        kms_key_arn       = var.kms_key
      }
    }
  }
}

output "roles" { value = { for name, role in aws_iam_role.this : name => role.arn } }
output "workgroups" { value = [for workgroup in aws_athena_workgroup.this : workgroup.name] }
