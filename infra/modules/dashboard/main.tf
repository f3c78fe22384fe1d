# One CloudWatch dashboard over everything that is declared: alarms, faults, functions, streams, what queries read.

variable "name" { type = string }
variable "alarms" { type = list(string) }
variable "functions" { type = list(string) }
variable "fault_rules" {
  description = "The rules of EventBridge each of whose events is a fault."
  type        = list(string)
}
variable "streams" { type = list(string) }
variable "firehoses" { type = list(string) }
variable "queues" { type = list(string) }
variable "workgroups" { type = list(string) }
variable "buckets" { type = list(string) }

data "aws_caller_identity" "this" {}
data "aws_region" "this" {}

locals {
  region = data.aws_region.this.name
  alarms = "arn:aws:cloudwatch:${local.region}:${data.aws_caller_identity.this.account_id}:alarm"

  # (title, statistic, seconds of a point, metrics); one without metrics is left out.
  charts = [
    { title = "Faults by rule", stat = "Sum", period = 3600, metrics = [for name in var.fault_rules : ["AWS/Events", "TriggeredRules", "RuleName", name]] },
    { title = "Functions: errors", stat = "Sum", period = 300, metrics = [for name in var.functions : ["AWS/Lambda", "Errors", "FunctionName", name]] },
    { title = "Functions: longest run, ms", stat = "Maximum", period = 300, metrics = [for name in var.functions : ["AWS/Lambda", "Duration", "FunctionName", name]] },
    { title = "Functions: throttled", stat = "Sum", period = 300, metrics = [for name in var.functions : ["AWS/Lambda", "Throttles", "FunctionName", name]] },
    { title = "Streams: records", stat = "Sum", period = 60, metrics = [for name in var.streams : ["AWS/Kinesis", "IncomingRecords", "StreamName", name]] },
    { title = "Streams: how far readers are behind, ms", stat = "Maximum", period = 60, metrics = [for name in var.streams : ["AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", "StreamName", name]] },
    { title = "Firehose: age of the oldest record not delivered, s", stat = "Maximum", period = 60, metrics = [for name in var.firehoses : ["AWS/Firehose", "DeliveryToS3.DataFreshness", "DeliveryStreamName", name]] },
    { title = "Dead letters waiting", stat = "Maximum", period = 300, metrics = [for name in var.queues : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", name]] },
    { title = "Athena: bytes read", stat = "Sum", period = 3600, metrics = [for name in var.workgroups : ["AWS/Athena", "ProcessedBytes", "WorkGroup", name]] },
    { title = "Buckets: bytes", stat = "Average", period = 86400, metrics = [for name in var.buckets : ["AWS/S3", "BucketSizeBytes", "BucketName", name, "StorageType", "StandardStorage"]] },
  ]
  shown = [for chart in local.charts : chart if length(chart.metrics) > 0]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name

  dashboard_body = jsonencode({
    widgets = concat(
      [{
        type       = "alarm", x = 0, y = 0, width = 24, height = 3
        properties = { title = "Alarms", alarms = [for name in var.alarms : "${local.alarms}:${name}"] }
      }],
      [
        for index, chart in local.shown : {
          type = "metric", x = 12 * (index % 2), y = 3 + 6 * floor(index / 2), width = 12, height = 6
          properties = {
            title   = chart.title
            region  = local.region
            stat    = chart.stat
            period  = chart.period
            metrics = chart.metrics
          }
        }
      ],
    )
  })
}
