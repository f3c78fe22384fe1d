# Firehose: JSON records into derived tables, as Parquet, in folders that the records' own fields name.

variable "prefix" { type = string }
variable "firehoses" { type = any }
variable "contracts" { type = any }
variable "partitions" { type = any }
variable "databases" { type = map(string) }
variable "buckets" { type = map(object({ name = string, arn = string })) }
variable "streams" { type = map(string) }
variable "functions" { type = map(string) }
variable "kms_key" { type = string }
variable "log_retention_days" { type = number }

data "aws_caller_identity" "this" {}
data "aws_region" "this" {}

locals {
  account = data.aws_caller_identity.this.account_id
  region  = data.aws_region.this.name
  glue    = "arn:aws:glue:${local.region}:${local.account}"

  tables  = { for name, firehose in var.firehoses : name => var.contracts["${firehose.pipeline}/${firehose.table}"] }
  buckets = { for name, contract in local.tables : name => var.buckets[split("/", contract.location)[0]] }
  folders = { for name, contract in local.tables : name => join("/", slice(split("/", contract.location), 1, length(split("/", contract.location)))) }
  # In the order of the table's partitions, which yamldecode does not keep.
  keys = {
    for name, firehose in var.firehoses : name =>
    [for partition in var.partitions["${firehose.pipeline}/${firehose.table}"] : partition[0]]
  }
}

module "role" {
  source   = "../role"
  for_each = var.firehoses
  name     = "${var.prefix}-firehose-${each.key}"
  services = ["firehose.amazonaws.com"]
  account  = local.account

  statements = concat(
    [
      {
        Effect   = "Allow"
        Action   = ["s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:GetBucketLocation"]
        Resource = [local.buckets[each.key].arn]
      },
      {
        Effect = "Allow"
        Action = ["s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload"]
        Resource = [
          "${local.buckets[each.key].arn}/${local.folders[each.key]}*",
          "${local.buckets[each.key].arn}/${each.value.pipeline}/_errors/${each.value.table}/*",
        ]
      },
      {
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource = [var.kms_key]
      },
      {
        Effect = "Allow"
        Action = ["glue:GetTable", "glue:GetTableVersion", "glue:GetTableVersions"]
        Resource = [
          "${local.glue}:catalog",
          "${local.glue}:database/${var.databases[each.value.pipeline]}",
          "${local.glue}:table/${var.databases[each.value.pipeline]}/${each.value.table}",
        ]
      },
      {
        Effect   = "Allow"
        Action   = ["logs:PutLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.this[each.key].arn}:*"]
      },
    ],
    try(each.value.stream, null) == null ? [] : [{
      Effect   = "Allow"
      Action   = ["kinesis:DescribeStream", "kinesis:GetShardIterator", "kinesis:GetRecords", "kinesis:ListShards"]
      Resource = [var.streams[each.value.stream]]
    }],
    try(each.value.transform, null) == null ? [] : [{
      Effect   = "Allow"
      Action   = ["lambda:InvokeFunction", "lambda:GetFunctionConfiguration"]
      Resource = [var.functions[each.value.transform], "${var.functions[each.value.transform]}:*"]
    }],
  )
}

resource "aws_cloudwatch_log_group" "this" {
  for_each          = var.firehoses
  name              = "/aws/kinesisfirehose/${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key
}

resource "aws_cloudwatch_log_stream" "this" {
  for_each       = var.firehoses
  name           = "DestinationDelivery"
  log_group_name = aws_cloudwatch_log_group.this[each.key].name
}

resource "aws_kinesis_firehose_delivery_stream" "this" {
  for_each    = var.firehoses
  name        = each.key
  destination = "extended_s3"

  dynamic "kinesis_source_configuration" {
    for_each = try(each.value.stream, null) == null ? [] : [each.value.stream]
    content {
      kinesis_stream_arn = var.streams[kinesis_source_configuration.value]
      role_arn           = module.role[each.key].arn
    }
  }

  extended_s3_configuration {
    role_arn            = module.role[each.key].arn
    bucket_arn          = local.buckets[each.key].arn
    prefix              = "${local.folders[each.key]}${join("", [for key in local.keys[each.key] : "${key}=!{partitionKeyFromQuery:${key}}/"])}"
    error_output_prefix = "${each.value.pipeline}/_errors/${each.value.table}/!{firehose:error-output-type}/"
    buffering_interval  = try(each.value.buffer_s, 30)
    buffering_size      = try(each.value.buffer_mb, 64)

    cloudwatch_logging_options {
      enabled         = true
      log_group_name  = aws_cloudwatch_log_group.this[each.key].name
      log_stream_name = aws_cloudwatch_log_stream.this[each.key].name
    }

    dynamic_partitioning_configuration { enabled = true }

    processing_configuration {
      enabled = true

      dynamic "processors" {
        for_each = try(each.value.transform, null) == null ? [] : [each.value.transform]
        content {
          type = "Lambda"
          parameters {
            parameter_name  = "LambdaArn"
            parameter_value = var.functions[processors.value]
          }
        }
      }

      processors {
        type = "MetadataExtraction"
        parameters {
          parameter_name  = "MetadataExtractionQuery"
          parameter_value = "{${join(", ", [for key in local.keys[each.key] : "${key}: (${each.value.partitions[key].jq})"])}}"
        }
        parameters {
          parameter_name  = "JsonParsingEngine"
          parameter_value = "JQ-1.6"
        }
      }
    }

    data_format_conversion_configuration {
      input_format_configuration {
        deserializer {
          open_x_json_ser_de {}
        }
      }
      output_format_configuration {
        serializer {
          parquet_ser_de { compression = "SNAPPY" }
        }
      }
      schema_configuration {
        role_arn      = module.role[each.key].arn
        database_name = var.databases[each.value.pipeline]
        table_name    = each.value.table
        region        = local.region
      }
    }
  }

  depends_on = [module.role]
}
