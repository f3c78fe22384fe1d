# QuickSight: the source, data sets with their refresh, the dashboards from the definitions in dashboards/.

variable "data_source" { type = map(string) }
variable "reader" { type = map(string) }
variable "workgroup" { type = string }
variable "data_sets" { type = any }
variable "queries" { type = map(string) }
variable "dashboards" { type = map(string) }
variable "groups" {
  description = "Whether there are groups for readers and authors; dashboards that are made elsewhere know none."
  type        = bool
}

data "aws_caller_identity" "this" {}
data "aws_region" "this" {}

locals {
  account = data.aws_caller_identity.this.account_id
  arns    = "arn:aws:quicksight:${data.aws_region.this.name}:${local.account}"
}

resource "aws_quicksight_user" "reader" {
  user_name     = var.reader.name
  email         = var.reader.email
  identity_type = "QUICKSIGHT"
  user_role     = "READER"
}

# Who may open the dashboards, and who may use the data sets for their own; people are put into them in QuickSight.
resource "aws_quicksight_group" "this" {
  for_each    = { for name, about in { readers = "may open the dashboards", authors = "may use the data sets" } : name => about if var.groups }
  group_name  = "millrace-${each.key}"
  description = each.value
}

resource "aws_quicksight_group_membership" "reader" {
  count       = var.groups ? 1 : 0
  group_name  = aws_quicksight_group.this["readers"].group_name
  member_name = aws_quicksight_user.reader.user_name
}

resource "aws_quicksight_data_source" "this" {
  data_source_id = var.data_source.id
  name           = var.data_source.name
  type           = "ATHENA"
  parameters {
    athena { work_group = var.workgroup }
  }
}

resource "aws_quicksight_data_set" "this" {
  for_each    = var.data_sets
  data_set_id = each.key
  name        = each.value.name
  import_mode = "SPICE"

  dynamic "permissions" {
    for_each = var.groups ? [aws_quicksight_group.this["authors"].arn] : []
    content {
      principal = permissions.value
      actions = [
        "quicksight:DescribeDataSet", "quicksight:DescribeDataSetPermissions", "quicksight:DescribeIngestion",
        "quicksight:ListIngestions", "quicksight:PassDataSet",
      ]
    }
  }

  physical_table_map {
    physical_table_map_id = replace(each.value.query, "_", "-")
    custom_sql {
      data_source_arn = aws_quicksight_data_source.this.arn
      name            = each.value.query
      sql_query       = var.queries[each.key]
      dynamic "columns" {
        for_each = each.value.columns
        content {
          name = columns.key
          type = columns.value
        }
      }
    }
  }
}

# The provider's dashboard resource has open bugs with definitions; CloudFormation takes them as the API does.
resource "aws_cloudformation_stack" "dashboard" {
  #checkov:skip=CKV_AWS_124:Terraform waits for the stack and says itself what failed.
  for_each = var.dashboards
  name     = "millrace-dashboard-${replace(each.key, "_", "-")}"

  template_body = jsonencode({
    Resources = {
      Dashboard = {
        Type = "AWS::QuickSight::Dashboard"
        Properties = merge(
          jsondecode(replace(each.value, "/\\$\\{dataset_arn:([A-Za-z0-9_-]+)\\}/", "${local.arns}:dataset/$1")),
          {
            AwsAccountId = local.account
            Permissions = [
              for group in values(aws_quicksight_group.this) : {
                Principal = group.arn
                Actions   = ["quicksight:DescribeDashboard", "quicksight:ListDashboardVersions", "quicksight:QueryDashboard"]
              }
            ]
          },
        )
      }
    }
  })

  depends_on = [aws_quicksight_data_set.this]
}
