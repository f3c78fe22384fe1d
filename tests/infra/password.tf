# In place of infra/modules/password, whose ephemeral resource cannot be mocked.
variable "length" { type = number }

variable "value" {
  type      = string
  default   = "mocked"
  ephemeral = true
}

output "value" {
  value     = var.value
  ephemeral = true
}
