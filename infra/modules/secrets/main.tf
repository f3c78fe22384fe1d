# Secrets. A value that is generated never comes into the state; the others somebody puts there by hand.

variable "secrets" { type = map(any) }
variable "kms_key" { type = string }

locals {
  generated = { for name, secret in var.secrets : name => secret if try(secret.generate, null) != null }
}

resource "aws_secretsmanager_secret" "this" {
  #checkov:skip=CKV2_AWS_57:The key of the hashes must stay, or the same person would get another hash; the source's password is its owner's to change.
  for_each                = var.secrets
  name                    = each.key
  description             = each.value.description
  kms_key_id              = var.kms_key
  recovery_window_in_days = 30
}

module "password" {
  source   = "../password"
  for_each = local.generated
  length   = 64
}

resource "aws_secretsmanager_secret_version" "this" {
  for_each                 = local.generated
  secret_id                = aws_secretsmanager_secret.this[each.key].id
  secret_string_wo         = module.password[each.key].value
  secret_string_wo_version = 1 # raise it to make a new value; docs say what that means for the hashes
}

output "arns" { value = { for name, secret in aws_secretsmanager_secret.this : name => secret.arn } }
