# CloudWatch alarms. A rule of EventBridge tells of each; one that has a topic is told to it by CloudWatch itself too.

variable "alarms" { type = any }
variable "topics" { type = map(string) }

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each            = var.alarms
  alarm_name          = each.key
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = try(each.value.dimensions, {})
  statistic           = startswith(try(each.value.statistic, "Sum"), "p") ? null : try(each.value.statistic, "Sum")
  extended_statistic  = startswith(try(each.value.statistic, "Sum"), "p") ? each.value.statistic : null
  threshold           = each.value.threshold
  comparison_operator = try(each.value.comparison, "GreaterThanThreshold")
  period              = try(each.value.period_s, 300)
  evaluation_periods  = try(each.value.periods, 1)
  treat_missing_data  = try(each.value.missing, "notBreaching")
  alarm_actions       = try([var.topics[each.value.topic]], [])
}
