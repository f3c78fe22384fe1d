# Whoever takes break-glass on is told of, and each thing that is done with it.
resource "aws_cloudwatch_event_rule" "break_glass" {
  count       = length(local.audited)
  name        = "${var.prefix}-break-glass"
  description = "Tell that somebody has taken on the role break-glass, and what is done with it"
  state       = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS" # reading too

  event_pattern = jsonencode({
    detail-type = ["AWS API Call via CloudTrail"]
    detail = {
      "$or" = [
        { eventName = ["AssumeRole"], requestParameters = { roleArn = [aws_iam_role.this["break-glass"].arn] } },
        { userIdentity = { sessionContext = { sessionIssuer = { arn = [aws_iam_role.this["break-glass"].arn] } } } },
      ]
    }
  })
}

resource "aws_cloudwatch_event_target" "break_glass" {
  count     = length(local.audited)
  rule      = aws_cloudwatch_event_rule.break_glass[0].name
  target_id = "topic"
  arn       = aws_sns_topic.break_glass[0].arn

  input_transformer {
    input_paths = {
      who  = "$.detail.userIdentity.arn"
      what = "$.detail.eventName"
      of   = "$.detail.eventSource"
      when = "$.time"
      from = "$.detail.sourceIPAddress"
    }
    input_template = "\"The role break-glass is in use: <who> did <what> of <of> at <when> from <from>.\""
  }
}

resource "aws_sns_topic" "break_glass" {
  count             = length(local.audited)
  name              = "${var.prefix}-break-glass"
  kms_master_key_id = var.audit.kms_key
}

resource "aws_sns_topic_policy" "break_glass" {
  count = length(local.audited)
  arn   = aws_sns_topic.break_glass[0].arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.break_glass[0].arn
      Condition = { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.break_glass[0].arn } }
    }]
  })
}

resource "aws_sns_topic_subscription" "break_glass" {
  for_each  = toset(length(local.audited) == 0 ? [] : var.told)
  topic_arn = aws_sns_topic.break_glass[0].arn
  protocol  = "email"
  endpoint  = each.value
}
