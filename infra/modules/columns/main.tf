# Lake Formation: which columns are personal, as the contracts say, and who may read them.
#
# A database is `personal` as a whole, so whatever a crawler finds is closed until somebody says more. A derived table is
# open but for the columns whose contract has `pii`: `pseudonym` where that says so, else `personal`. In hybrid mode only
# the people's roles are held to it; jobs, functions and crawlers go on by their own policies.

variable "databases" { type = list(string) }
variable "tables" {
  description = "The derived tables: their columns by how personal they are."
  type = map(object({
    database = string, table = string, none = list(string), pseudonym = list(string), personal = list(string)
  }))
}
variable "prefix" { type = string }
variable "locations" {
  description = "The buckets in which tables lie, by ARN."
  type        = list(string)
}
variable "kms_key" { type = string }
variable "administrators" { type = list(string) }
variable "readers" {
  description = "By name: a role's ARN, and what kinds of column it may read."
  type        = map(object({ role = string, kinds = list(string) }))
}

data "aws_caller_identity" "this" {}

locals {
  kinds = ["none", "pseudonym", "personal"]
  # A set of columns that are not open, with the tag that says so.
  marked = merge([
    for name, table in var.tables : {
      for kind in ["pseudonym", "personal"] : "${name}/${kind}" => merge(table, { kind = kind, columns = table[kind] })
      if length(table[kind]) > 0
    }
  ]...)
  opted = { for pair in setproduct(keys(var.readers), var.databases) : join("/", pair) => pair }
}

resource "aws_lakeformation_data_lake_settings" "this" {
  admins = var.administrators

  # What crawlers and jobs make stays under their policies, and nobody else's.
  create_database_default_permissions {
    permissions = ["ALL"]
    principal   = "IAM_ALLOWED_PRINCIPALS"
  }
  create_table_default_permissions {
    permissions = ["ALL"]
    principal   = "IAM_ALLOWED_PRINCIPALS"
  }
}

# As whom Lake Formation reads; its own service-linked role may not use our key.
module "role" {
  source   = "../role"
  name     = "${var.prefix}-lake-formation"
  services = ["lakeformation.amazonaws.com"]
  account  = data.aws_caller_identity.this.account_id

  statements = [
    { Effect = "Allow", Action = ["s3:ListBucket"], Resource = var.locations },
    { Effect = "Allow", Action = ["s3:GetObject"], Resource = [for arn in var.locations : "${arn}/*"] },
    { Effect = "Allow", Action = ["kms:Decrypt"], Resource = [var.kms_key] },
  ]
}

resource "aws_lakeformation_resource" "this" {
  for_each              = toset(var.locations)
  arn                   = each.value
  role_arn              = module.role.arn
  hybrid_access_enabled = true
  depends_on            = [aws_lakeformation_data_lake_settings.this, module.role]
}

resource "aws_lakeformation_lf_tag" "pii" {
  key        = "pii"
  values     = local.kinds
  depends_on = [aws_lakeformation_data_lake_settings.this]
}

resource "aws_lakeformation_resource_lf_tags" "database" {
  for_each = toset(var.databases)
  database { name = each.value }
  lf_tag {
    key   = aws_lakeformation_lf_tag.pii.key
    value = "personal"
  }
}

resource "aws_lakeformation_resource_lf_tags" "table" {
  for_each = var.tables
  table {
    database_name = each.value.database
    name          = each.value.table
  }
  lf_tag {
    key   = aws_lakeformation_lf_tag.pii.key
    value = "none"
  }
  depends_on = [aws_lakeformation_resource_lf_tags.database]
}

resource "aws_lakeformation_resource_lf_tags" "columns" {
  for_each = local.marked
  table_with_columns {
    database_name = each.value.database
    name          = each.value.table
    column_names  = each.value.columns
  }
  lf_tag {
    key   = aws_lakeformation_lf_tag.pii.key
    value = each.value.kind
  }
  depends_on = [aws_lakeformation_resource_lf_tags.table]
}

resource "aws_lakeformation_permissions" "databases" {
  for_each    = var.readers
  principal   = each.value.role
  permissions = ["DESCRIBE"]
  lf_tag_policy {
    resource_type = "DATABASE"
    expression {
      key    = aws_lakeformation_lf_tag.pii.key
      values = local.kinds
    }
  }
}

resource "aws_lakeformation_permissions" "columns" {
  for_each    = var.readers
  principal   = each.value.role
  permissions = ["DESCRIBE", "SELECT"]
  lf_tag_policy {
    resource_type = "TABLE"
    expression {
      key    = aws_lakeformation_lf_tag.pii.key
      values = each.value.kinds
    }
  }
}

resource "aws_lakeformation_opt_in" "this" {
  for_each = local.opted
  principal { data_lake_principal_identifier = var.readers[each.value[0]].role }
  resource_data {
    table {
      database_name = each.value[1]
      wildcard      = true
    }
  }
  # Held to Lake Formation only once it says what they may read.
  depends_on = [aws_lakeformation_permissions.columns, aws_lakeformation_resource_lf_tags.columns]
}
