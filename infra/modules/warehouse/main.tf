# Redshift Serverless: namespaces, the workgroups that reach them, what they may use in a day, and who may do what.
#
# All is asked through the Data API with roles: no password exists, and no network reaches a workgroup from outside.

variable "prefix" { type = string }
variable "warehouses" { type = any }
variable "subnets" { type = list(string) } # three, in three zones; none: the default VPC's
variable "buckets" { type = map(object({ name = string, arn = string })) }
variable "kms_key" { type = string }
variable "airflow" { type = string } # the name of the role that loads, null where there is none

data "aws_caller_identity" "this" {}
data "aws_region" "this" {}

locals {
  account = data.aws_caller_identity.this.account_id

  # Where each warehouse's COPY reads: (bucket, path in it).
  reads = {
    for name, warehouse in var.warehouses : name => [
      for place in warehouse.reads : {
        bucket = split("/", place)[0]
        path   = join("/", slice(split("/", place), 1, length(split("/", place))))
      }
    ]
  }
}

module "role" {
  source   = "../role"
  for_each = var.warehouses
  name     = "${var.prefix}-warehouse-${each.key}"
  services = ["redshift.amazonaws.com", "redshift-serverless.amazonaws.com"]
  account  = local.account

  statements = concat(
    [
      for place in local.reads[each.key] : {
        Effect    = "Allow"
        Action    = ["s3:ListBucket"]
        Resource  = [var.buckets[place.bucket].arn]
        Condition = { StringLike = { "s3:prefix" = ["${place.path}*"] } }
      }
    ],
    [
      {
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = [for place in local.reads[each.key] : "${var.buckets[place.bucket].arn}/${place.path}*"]
      },
      {
        Effect   = "Allow"
        Action   = ["s3:GetBucketLocation"]
        Resource = distinct([for place in local.reads[each.key] : var.buckets[place.bucket].arn])
      },
      {
        Effect   = "Allow"
        Action   = ["kms:Decrypt"]
        Resource = [var.kms_key]
      },
    ],
  )
}

resource "aws_redshiftserverless_namespace" "this" {
  for_each             = var.warehouses
  namespace_name       = each.key
  db_name              = each.value.database
  default_iam_role_arn = module.role[each.key].arn
  iam_roles            = [module.role[each.key].arn]
  kms_key_id           = var.kms_key
  log_exports          = ["useractivitylog", "connectionlog"]
}

resource "aws_redshiftserverless_workgroup" "this" {
  for_each            = var.warehouses
  workgroup_name      = each.key
  namespace_name      = aws_redshiftserverless_namespace.this[each.key].namespace_name
  base_capacity       = try(each.value.rpus, 8)
  subnet_ids          = length(var.subnets) == 0 ? null : var.subnets
  publicly_accessible = false
}

# What a day may cost at most: over it, the workgroup answers nothing until the next day.
resource "aws_redshiftserverless_usage_limit" "this" {
  for_each      = var.warehouses
  resource_arn  = aws_redshiftserverless_workgroup.this[each.key].arn
  usage_type    = "serverless-compute"
  period        = "daily"
  amount        = try(each.value.rpu_hours, 8)
  breach_action = "deactivate"
}

resource "aws_iam_role_policy" "airflow" {
  count = var.airflow == null ? 0 : 1
  name  = "warehouses"
  role  = var.airflow

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["redshift-data:ExecuteStatement", "redshift-data:BatchExecuteStatement", "redshift-data:ListTables", "redshift-serverless:GetCredentials"]
        Resource = [for workgroup in aws_redshiftserverless_workgroup.this : workgroup.arn]
      },
      {
        # These take no resource: whose statement it is decides.
        Effect    = "Allow"
        Action    = ["redshift-data:DescribeStatement", "redshift-data:GetStatementResult", "redshift-data:CancelStatement"]
        Resource  = ["*"]
        Condition = { StringEquals = { "redshift-data:statement-owner-iam-userid" = "$${aws:userid}" } }
      },
    ]
  })
}

output "workgroups" { value = keys(aws_redshiftserverless_workgroup.this) }
