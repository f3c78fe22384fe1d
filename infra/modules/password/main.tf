# A password that is in no state and no plan. A module, so that tests can put another in its place: ephemeral resources
# cannot be mocked.

variable "length" { type = number }

ephemeral "aws_secretsmanager_random_password" "this" {
  password_length     = var.length
  exclude_punctuation = true
}

output "value" {
  value     = ephemeral.aws_secretsmanager_random_password.this.random_password
  ephemeral = true
}
