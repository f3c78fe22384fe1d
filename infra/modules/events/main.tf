# EventBridge's rules, the functions that they call and the queues that they send to.

variable "rules" { type = any }
variable "functions" { type = map(string) }
variable "queues" { type = map(object({ arn = string, url = string })) }

locals {
  targets = merge([
    for name, rule in var.rules : {
      for target in rule.targets : "${name}/${try(target.function, target.queue)}" => {
        rule     = name
        function = try(target.function, null)
        queue    = try(target.queue, null)
        input    = try(target.input, null)
        # What begins with "$." is taken from the event.
        paths = {
          for key, value in try(target.input, null) == null ? {} : target.input : key => value
          if try(startswith(value, "$."), false)
        }
      }
    }
  ]...)
}

resource "aws_cloudwatch_event_rule" "this" {
  for_each            = var.rules
  name                = each.key
  description         = each.value.description
  event_pattern       = try(each.value.pattern, null) == null ? null : jsonencode(each.value.pattern)
  schedule_expression = try(each.value.schedule, null)
}

resource "aws_cloudwatch_event_target" "this" {
  for_each  = local.targets
  rule      = aws_cloudwatch_event_rule.this[each.value.rule].name
  target_id = coalesce(each.value.function, each.value.queue)
  arn       = each.value.queue == null ? var.functions[each.value.function] : var.queues[each.value.queue].arn
  input     = each.value.input == null || length(each.value.paths) > 0 ? null : jsonencode(each.value.input)

  dynamic "input_transformer" {
    for_each = length(each.value.paths) > 0 ? [each.value] : []
    content {
      input_paths = input_transformer.value.paths
      # jsonencode writes < and > as \u003c and \u003e, which EventBridge would not take for its marks.
      input_template = replace(replace(jsonencode(merge(
        input_transformer.value.input, { for key in keys(input_transformer.value.paths) : key => "<${key}>" }
      )), "\\u003c", "<"), "\\u003e", ">")
    }
  }

  retry_policy {
    maximum_event_age_in_seconds = 3600
    maximum_retry_attempts       = 10
  }
}

resource "aws_lambda_permission" "this" {
  for_each      = { for key, target in local.targets : key => target if target.function != null }
  statement_id  = each.value.rule
  action        = "lambda:InvokeFunction"
  function_name = each.value.function
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.this[each.value.rule].arn
  depends_on    = [aws_cloudwatch_event_target.this]
}

# Only rules of this account may send.
resource "aws_sqs_queue_policy" "this" {
  for_each  = toset([for target in local.targets : target.queue if target.queue != null])
  queue_url = var.queues[each.key].url

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sqs:SendMessage"
      Principal = { Service = "events.amazonaws.com" }
      Resource  = var.queues[each.key].arn
      Condition = {
        ArnEquals = {
          "aws:SourceArn" = [
            for target in local.targets : aws_cloudwatch_event_rule.this[target.rule].arn if target.queue == each.key
          ]
        }
      }
    }]
  })
}
