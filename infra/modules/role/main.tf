# A role that services of AWS take on for this account, and all that it may do.

variable "name" { type = string }
variable "services" {
  description = "Who takes it on, such as glue.amazonaws.com."
  type        = list(string)
}
variable "account" {
  description = "For which account; null where the service does not say, as EC2."
  type        = string
}
variable "statements" {
  description = "What it may do, as a policy's statements."
  type        = any
}

resource "aws_iam_role" "this" {
  name = var.name

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [merge(
      { Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = var.services } },
      var.account == null ? {} : { Condition = { StringEquals = { "aws:SourceAccount" = var.account } } },
    )]
  })
}

resource "aws_iam_role_policy" "this" {
  name   = "as-declared"
  role   = aws_iam_role.this.id
  policy = jsonencode({ Version = "2012-10-17", Statement = var.statements })
}

output "arn" { value = aws_iam_role.this.arn }
output "name" { value = aws_iam_role.this.name }
output "policy" { value = aws_iam_role_policy.this.policy }
