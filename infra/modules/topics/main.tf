# SNS topics and who gets their messages by e-mail.

variable "topics" { type = any }
variable "kms_key" { type = string }

locals {
  subscriptions = merge([
    for name, topic in var.topics : {
      for email in try(topic.emails, []) : "${name}/${email}" => { topic = name, email = email }
    }
  ]...)
}

resource "aws_sns_topic" "this" {
  for_each          = var.topics
  name              = each.key
  kms_master_key_id = var.kms_key
}

resource "aws_sns_topic_subscription" "this" {
  for_each  = local.subscriptions
  topic_arn = aws_sns_topic.this[each.value.topic].arn
  protocol  = "email"
  endpoint  = each.value.email
}

output "arns" { value = { for name, topic in aws_sns_topic.this : name => topic.arn } }
