# EMR for jobs that outgrow Glue: the roles of the clusters that the function start_emr starts, and an application of
# EMR Serverless, on which the same scripts run with the jobs' own roles. None of it costs anything until it is used.

variable "prefix" { type = string }
variable "jobs" {
  description = "The jobs that may run on a transient cluster."
  type        = any
}
variable "databases" { type = list(string) }
variable "buckets" { type = map(object({ name = string, arn = string })) }
variable "secrets" { type = map(string) }
variable "kms_key" { type = string }
variable "release" { type = string }
variable "architecture" { type = string }
variable "lock" {
  description = "requirements.lock, as text."
  type        = string
}
variable "network" {
  type    = object({ subnet = string, zone = string, security_group = string })
  default = null
}

data "aws_caller_identity" "this" {}
data "aws_region" "this" {}

locals {
  account = data.aws_caller_identity.this.account_id
  region  = data.aws_region.this.name
  glue    = "arn:aws:glue:${local.region}:${local.account}"
  ec2     = "arn:aws:ec2:${local.region}:${local.account}"
  writes  = distinct(flatten([for job in values(var.jobs) : try(job.writes, [])]))
  reads   = distinct(concat(local.writes, flatten([for job in values(var.jobs) : try(job.reads, [])]), ["artifacts"]))
  secrets = distinct(flatten([for job in values(var.jobs) : try(job.secrets, [])]))
}

# What EMR itself does: start and end the cluster's machines.
module "service_role" {
  source   = "../role"
  name     = "${var.prefix}-emr"
  services = ["elasticmapreduce.amazonaws.com"]
  account  = local.account

  statements = [
    {
      # These take no resource.
      Effect = "Allow"
      Action = [
        "ec2:DescribeAccountAttributes", "ec2:DescribeImages", "ec2:DescribeInstances", "ec2:DescribeInstanceStatus",
        "ec2:DescribeInstanceTypeOfferings", "ec2:DescribeLaunchTemplates", "ec2:DescribeNetworkAcls",
        "ec2:DescribeRouteTables", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVolumes",
        "ec2:DescribeVolumeStatus", "ec2:DescribeVpcEndpoints", "ec2:DescribeVpcs",
      ]
      Resource = ["*"]
    },
    {
      # Machines, disks and interfaces have no names before they are there; images and snapshots are AWS's own.
      Effect = "Allow"
      Action = ["ec2:RunInstances", "ec2:CreateFleet", "ec2:CreateLaunchTemplate", "ec2:CreateLaunchTemplateVersion"]
      Resource = [
        "${local.ec2}:instance/*", "${local.ec2}:volume/*", "${local.ec2}:network-interface/*", "${local.ec2}:subnet/*",
        "${local.ec2}:security-group/*", "${local.ec2}:launch-template/*", "${local.ec2}:fleet/*",
        "arn:aws:ec2:${local.region}::image/*", "arn:aws:ec2:${local.region}::snapshot/*",
      ]
    },
    {
      Effect   = "Allow"
      Action   = ["ec2:CreateTags"]
      Resource = ["${local.ec2}:instance/*", "${local.ec2}:volume/*", "${local.ec2}:network-interface/*", "${local.ec2}:launch-template/*"]
      Condition = {
        StringEquals = { "ec2:CreateAction" = ["RunInstances", "CreateFleet", "CreateLaunchTemplate", "CreateNetworkInterface"] }
      }
    },
    {
      # Only what EMR has started, which bears the cluster's name as a tag.
      Effect    = "Allow"
      Action    = ["ec2:TerminateInstances", "ec2:ModifyInstanceAttribute", "ec2:DeleteLaunchTemplate"]
      Resource  = ["${local.ec2}:instance/*", "${local.ec2}:launch-template/*"]
      Condition = { StringLike = { "ec2:ResourceTag/aws:elasticmapreduce:job-flow-id" = "j-*" } }
    },
    {
      # EMR makes the cluster's own security groups and opens them to one another; they have no names before.
      Effect = "Allow"
      Action = [
        "ec2:CreateSecurityGroup", "ec2:AuthorizeSecurityGroupIngress", "ec2:AuthorizeSecurityGroupEgress",
        "ec2:RevokeSecurityGroupEgress", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeVpcAttribute",
      ]
      Resource = [
        "${local.ec2}:security-group/*", "${local.ec2}:network-interface/*", "${local.ec2}:subnet/*", "${local.ec2}:vpc/*",
      ]
    },
    {
      Effect    = "Allow"
      Action    = ["iam:PassRole"]
      Resource  = [module.instance_role.arn]
      Condition = { StringEquals = { "iam:PassedToService" = "ec2.amazonaws.com" } }
    },
  ]
}

# What the cluster's machines do: what the jobs do.
module "instance_role" {
  source   = "../role"
  name     = "${var.prefix}-emr-instance"
  services = ["ec2.amazonaws.com"]
  account  = null

  statements = concat(
    [
      {
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = [for name in local.reads : var.buckets[name].arn]
      },
      {
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = [for name in local.reads : "${var.buckets[name].arn}/*"]
      },
      {
        Effect   = "Allow"
        Action   = ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:PutObjectTagging"]
        Resource = [for name in local.writes : "${var.buckets[name].arn}/*"]
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
          "glue:BatchUpdatePartition", "glue:BatchDeletePartition",
        ]
        Resource = concat(
          ["${local.glue}:catalog"],
          [for name in var.databases : "${local.glue}:database/${name}"],
          [for name in var.databases : "${local.glue}:table/${name}/*"],
        )
      },
    ],
    length(local.secrets) == 0 ? [] : [{
      Effect   = "Allow"
      Action   = ["secretsmanager:GetSecretValue"]
      Resource = [for secret in local.secrets : var.secrets[secret]]
    }],
  )
}

resource "aws_iam_instance_profile" "instance" {
  name = module.instance_role.name
  role = module.instance_role.name
}

resource "aws_emrserverless_application" "this" {
  name          = "${var.prefix}-spark"
  release_label = var.release
  type          = "spark"
  architecture  = var.architecture == "arm64" ? "ARM64" : "X86_64"

  auto_start_configuration { enabled = true }

  auto_stop_configuration {
    enabled              = true
    idle_timeout_minutes = 5
  }

  maximum_capacity {
    cpu    = "64 vCPU"
    memory = "256 GB"
  }

  dynamic "network_configuration" {
    for_each = var.network == null ? [] : [var.network]
    content {
      subnet_ids         = [network_configuration.value.subnet]
      security_group_ids = [network_configuration.value.security_group]
    }
  }
}

# What machines of a cluster lack, in the versions that everything else here has.
resource "aws_s3_object" "bootstrap" {
  count  = var.network == null ? 0 : 1
  bucket = var.buckets["artifacts"].name
  key    = "emr/bootstrap.sh"
  content = templatefile("${path.module}/bootstrap.sh.tftpl", {
    pins = [for name in ["boto3", "numpy", "pyarrow", "pyyaml"] : regex("(?m)^${name}==[^ ;\\\\]+", var.lock)]
  })
}

output "application" { value = aws_emrserverless_application.this.id }
output "bootstrap" { value = one([for script in aws_s3_object.bootstrap : "s3://${script.bucket}/${script.key}"]) }
