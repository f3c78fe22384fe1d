# Athena: one workgroup that everybody's statements go through, and the pipelines' questions, saved by name.

variable "workgroup" { type = any }
variable "results" { type = object({ name = string, arn = string }) }
variable "kms_key" { type = string }
variable "queries" { type = map(object({ database = string, name = string, sql = string })) }

resource "aws_athena_workgroup" "this" {
  name          = var.workgroup.name
  force_destroy = true # a workgroup's history is no data

  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = var.workgroup.scan_cutoff_bytes

    engine_version { selected_engine_version = "Athena engine version 3" }

    result_configuration {
      output_location = "s3://${var.results.name}/"
      encryption_configuration {
        encryption_option = "SSE_KMS"
        kms_key_arn       = var.kms_key
      }
    }
  }
}

resource "aws_athena_named_query" "this" {
  for_each  = var.queries
  name      = each.value.name
  workgroup = aws_athena_workgroup.this.id
  database  = each.value.database
  query     = each.value.sql
}
