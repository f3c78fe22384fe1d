# Glue jobs with their scripts, connections and roles.

variable "prefix" { type = string }
variable "jobs" { type = any }
variable "connections" { type = any }
variable "hosts" { type = map(string) }
variable "scripts" { type = string }
variable "wheel" { type = string }
variable "buckets" { type = map(object({ name = string, arn = string })) }
variable "secrets" { type = map(string) }
variable "kms_key" { type = string }
variable "databases" { type = list(string) }
variable "network" {
  type    = object({ subnet = string, zone = string, security_group = string })
  default = null
}

data "aws_caller_identity" "this" {}
data "aws_region" "this" {}

locals {
  account   = data.aws_caller_identity.this.account_id
  region    = data.aws_region.this.name
  glue      = "arn:aws:glue:${local.region}:${local.account}"
  ec2       = "arn:aws:ec2:${local.region}:${local.account}"
  artifacts = var.buckets["artifacts"].name
  scripts   = { for name, job in var.jobs : name => "${var.scripts}/${try(job.script, null) == null ? name : job.script}.py" }
  secrets = {
    for name, job in var.jobs : name => distinct(concat(
      try(job.secrets, []), [for connection in try(job.connections, []) : var.connections[connection].secret]
    ))
  }
}

resource "aws_s3_object" "script" {
  for_each = local.scripts
  bucket   = local.artifacts
  key      = "glue/${each.key}-${substr(filesha256(each.value), 0, 16)}.py"
  source   = each.value
}

resource "aws_s3_object" "wheel" {
  bucket = local.artifacts
  key    = "wheels/${basename(var.wheel)}"
  source = var.wheel
}

resource "aws_glue_connection" "this" {
  for_each        = var.connections
  name            = each.key
  connection_type = "JDBC"

  connection_properties = {
    JDBC_CONNECTION_URL = "jdbc:mysql://${lookup(var.hosts, each.key, "not-said.invalid:3306")}/${each.value.database}"
    SECRET_ID           = each.value.secret
  }

  dynamic "physical_connection_requirements" {
    for_each = var.network == null ? [] : [var.network]
    content {
      subnet_id              = physical_connection_requirements.value.subnet
      availability_zone      = physical_connection_requirements.value.zone
      security_group_id_list = [physical_connection_requirements.value.security_group]
    }
  }
}

module "role" {
  source   = "../role"
  for_each = var.jobs
  name     = "${var.prefix}-job-${each.key}"
  services = ["glue.amazonaws.com", "emr-serverless.amazonaws.com"] # the same script runs on both
  account  = local.account

  statements = concat(
    [
      {
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = distinct([for b in concat(try(each.value.reads, []), try(each.value.writes, []), ["artifacts"]) : var.buckets[b].arn])
      },
      {
        Effect = "Allow"
        Action = ["s3:GetObject"]
        Resource = distinct([
          for b in concat(try(each.value.reads, []), try(each.value.writes, []), ["artifacts"]) : "${var.buckets[b].arn}/*"
        ])
      },
      {
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource = [var.kms_key]
      },
      {
        Effect = "Allow"
        Action = [
          "glue:GetDatabase", "glue:GetTable", "glue:GetPartitions", "glue:UpdateTable", "glue:BatchCreatePartition",
          "glue:BatchUpdatePartition", "glue:BatchDeletePartition", "glue:GetConnection",
        ]
        Resource = concat(
          ["${local.glue}:catalog"],
          [for name in var.databases : "${local.glue}:database/${name}"],
          [for name in var.databases : "${local.glue}:table/${name}/*"],
          [for name in try(each.value.connections, []) : "${local.glue}:connection/${name}"],
        )
      },
      {
        Effect   = "Allow"
        Action   = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "logs:AssociateKmsKey"]
        Resource = ["arn:aws:logs:${local.region}:${local.account}:log-group:/aws-glue/jobs*"]
      },
    ],
    length(try(each.value.writes, [])) == 0 ? [] : [{
      Effect   = "Allow"
      Action   = ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:PutObjectTagging"]
      Resource = [for b in each.value.writes : "${var.buckets[b].arn}/*"]
    }],
    length(local.secrets[each.key]) == 0 ? [] : [{
      Effect   = "Allow"
      Action   = ["secretsmanager:GetSecretValue"]
      Resource = [for secret in local.secrets[each.key] : var.secrets[secret]]
    }],
    # A job in a VPC makes its own network interfaces, which have no names before they are there.
    [for statement in [
      {
        # These take no resource.
        Effect = "Allow"
        Action = [
          "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DescribeSecurityGroups", "ec2:DescribeVpcEndpoints",
          "ec2:DescribeRouteTables",
        ]
        Resource = ["*"]
      },
      {
        Effect = "Allow"
        Action = ["ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeVpcAttribute"]
        Resource = [
          "${local.ec2}:network-interface/*", "${local.ec2}:subnet/*", "${local.ec2}:security-group/*", "${local.ec2}:vpc/*",
        ]
      },
      {
        Effect    = "Allow"
        Action    = ["ec2:CreateTags", "ec2:DeleteTags"]
        Resource  = ["${local.ec2}:network-interface/*"]
        Condition = { "ForAllValues:StringEquals" = { "aws:TagKeys" = ["aws-glue-service-resource"] } }
      },
    ] : statement if length(try(each.value.connections, [])) > 0],
  )
}

resource "aws_glue_security_configuration" "this" {
  name = "${var.prefix}-jobs"
  encryption_configuration {
    cloudwatch_encryption {
      cloudwatch_encryption_mode = "SSE-KMS"
      kms_key_arn                = var.kms_key
    }
    job_bookmarks_encryption {
      job_bookmarks_encryption_mode = "CSE-KMS"
      kms_key_arn                   = var.kms_key
    }
    s3_encryption {
      s3_encryption_mode = "SSE-KMS"
      kms_key_arn        = var.kms_key
    }
  }
}

resource "aws_glue_job" "this" {
  for_each               = var.jobs
  name                   = each.key
  description            = each.value.description
  role_arn               = module.role[each.key].arn
  glue_version           = try(each.value.kind, "glueetl") == "glueetl" ? try(each.value.glue_version, "5.0") : null
  worker_type            = try(each.value.kind, "glueetl") == "glueetl" ? try(each.value.worker, "G.1X") : null
  number_of_workers      = try(each.value.kind, "glueetl") == "glueetl" ? try(each.value.workers, 2) : null
  max_capacity           = try(each.value.kind, "glueetl") == "glueetl" ? null : 0.0625
  timeout                = try(each.value.timeout_min, 60)
  max_retries            = try(each.value.max_retries, 0)
  connections            = try(each.value.connections, [])
  security_configuration = aws_glue_security_configuration.this.name

  command {
    name            = try(each.value.kind, "glueetl")
    python_version  = try(each.value.kind, "glueetl") == "glueetl" ? "3" : "3.9"
    script_location = "s3://${local.artifacts}/${aws_s3_object.script[each.key].key}"
  }

  default_arguments = merge(
    {
      "--additional-python-modules" = join(",", concat(
        ["s3://${local.artifacts}/${aws_s3_object.wheel.key}"], try(each.value.modules, [])
      ))
      "--job-bookmark-option" = try(each.value.bookmarks, false) ? "job-bookmark-enable" : "job-bookmark-disable"
    },
    try(each.value.arguments, {}),
  )

  execution_property { max_concurrent_runs = try(each.value.max_concurrent_runs, 1) }

  depends_on = [module.role]
}

output "names" { value = keys(aws_glue_job.this) }
