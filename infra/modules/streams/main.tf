# Kinesis streams, the functions that are given their records, and the queues and tables that these functions need.

variable "streams" { type = any }
variable "queues" { type = any }
variable "tables" { type = any }
variable "mappings" { type = any }
variable "functions" { type = map(string) }
variable "kms_key" { type = string }

resource "aws_kinesis_stream" "this" {
  for_each         = var.streams
  name             = each.key
  shard_count      = try(each.value.shards, 1)
  retention_period = try(each.value.retention_h, 24)
  encryption_type  = "KMS"
  kms_key_id       = var.kms_key
}

resource "aws_sqs_queue" "this" {
  for_each                  = var.queues
  name                      = each.key
  message_retention_seconds = try(each.value.retention_d, 14) * 86400
  kms_master_key_id         = var.kms_key
}

resource "aws_dynamodb_table" "this" {
  for_each     = var.tables
  name         = each.key
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = each.value.key[0]
  range_key    = try(each.value.key[1], null)

  dynamic "attribute" {
    for_each = toset(each.value.key)
    content {
      name = attribute.value
      type = "S"
    }
  }

  point_in_time_recovery { enabled = true }

  server_side_encryption {
    enabled     = true
    kms_key_arn = var.kms_key
  }
}

resource "aws_lambda_event_source_mapping" "this" {
  for_each                           = var.mappings
  event_source_arn                   = aws_kinesis_stream.this[each.value.stream].arn
  function_name                      = var.functions[each.value.function]
  starting_position                  = "TRIM_HORIZON"
  batch_size                         = try(each.value.batch, 100)
  maximum_batching_window_in_seconds = try(each.value.window_s, 0)
  maximum_retry_attempts             = try(each.value.retries, 3)
  parallelization_factor             = 1 # in order, which what counts exactly once goes by
  bisect_batch_on_function_error     = true
  function_response_types            = ["ReportBatchItemFailures"]

  destination_config {
    on_failure { destination_arn = aws_sqs_queue.this[each.value.dead_letters].arn }
  }
}

output "streams" { value = { for name, stream in aws_kinesis_stream.this : name => stream.arn } }
output "queues" { value = { for name, queue in aws_sqs_queue.this : name => { arn = queue.arn, url = queue.url } } }
