# Lambda functions and layers, each function with a role that may do what its declaration says and no more.

variable "prefix" { type = string }
variable "functions" { type = any }
variable "layers" { type = map(string) }
variable "packages" { type = any }
variable "buckets" { type = map(object({ name = string, arn = string })) }
variable "secrets" { type = map(string) }
variable "kms_key" { type = string }
variable "databases" { type = list(string) }
variable "crawlers" { type = list(string) }
variable "jobs" { type = list(string) }
variable "workgroup" { type = string }
variable "streams" { type = list(string) }
variable "queues" { type = list(string) }
variable "tables" { type = list(string) }
variable "topics" { type = list(string) }
variable "mappings" {
  description = "The streams that functions are given, and where they tell of records that they could not do."
  type        = any
}
variable "log_retention_days" { type = number }
variable "cluster" {
  description = "What the function that starts a cluster is told of the place, beside its declared environment."
  type        = map(string)
  default     = {}
  nullable    = false
}

data "aws_caller_identity" "this" {}
data "aws_region" "this" {}

locals {
  account   = data.aws_caller_identity.this.account_id
  region    = data.aws_region.this.name
  glue      = "arn:aws:glue:${local.region}:${local.account}"
  artifacts = var.buckets["artifacts"].name
  bus       = "arn:aws:events:${local.region}:${local.account}:event-bus/default"

  # On what a function may do each action that it is declared to call.
  targets = {
    crawlers = [for name in var.crawlers : "${local.glue}:crawler/${name}"]
    jobs     = [for name in var.jobs : "${local.glue}:job/${name}"]
    tables = concat(
      ["${local.glue}:catalog"],
      [for name in var.databases : "${local.glue}:database/${name}"],
      [for name in var.databases : "${local.glue}:table/${name}/*"],
    )
    queries = ["arn:aws:athena:${local.region}:${local.account}:workgroup/${var.workgroup}"]
    streams = [for name in var.streams : "arn:aws:kinesis:${local.region}:${local.account}:stream/${name}"]
    queues  = [for name in var.queues : "arn:aws:sqs:${local.region}:${local.account}:${name}"]
    keys    = [for name in var.tables : "arn:aws:dynamodb:${local.region}:${local.account}:table/${name}"]
    topics  = [for name in var.topics : "arn:aws:sns:${local.region}:${local.account}:${name}"]
    # Starting a cluster and listing them takes no resource; these roles are the ones that a cluster may be given.
    clusters = ["*"]
    roles    = ["arn:aws:iam::${local.account}:role/${var.prefix}-emr", "arn:aws:iam::${local.account}:role/${var.prefix}-emr-instance"]
    buses    = [local.bus]
    # Takes no resource.
    metrics = ["*"]
  }
  calls = {
    for name, function in var.functions : name => [
      for action in try(function.calls, []) : {
        action = action
        on = (
          length(regexall("Crawler", action)) > 0 ? "crawlers" :
          length(regexall("^glue:.*Job", action)) > 0 ? "jobs" :
          lookup({
            athena           = "queries", kinesis = "streams", sqs = "queues", dynamodb = "keys", sns = "topics",
            elasticmapreduce = "clusters", iam = "roles", cloudwatch = "metrics",
            events           = "buses"
          }, split(":", action)[0], "tables")
        )
      }
    ]
  }

  statements = {
    for name, function in var.functions : name => concat(
      [{
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.this[name].arn}:*"]
      }],
      length(concat(try(function.reads, []), try(function.writes, []))) == 0 ? [] : [{
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = distinct([for b in concat(try(function.reads, []), try(function.writes, [])) : var.buckets[b].arn])
        }, {
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = distinct([for b in concat(try(function.reads, []), try(function.writes, [])) : "${var.buckets[b].arn}/*"])
      }],
      length(try(function.writes, [])) == 0 ? [] : [{
        Effect   = "Allow"
        Action   = ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:PutObjectTagging"]
        Resource = [for b in function.writes : "${var.buckets[b].arn}/*"]
      }],
      [{
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource = [var.kms_key]
      }],
      try(function.failures_told, true) ? [{
        Effect   = "Allow"
        Action   = ["events:PutEvents"]
        Resource = [local.bus]
      }] : [],
      length(try(function.secrets, [])) == 0 ? [] : [{
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = [for secret in function.secrets : var.secrets[secret]]
      }],
      flatten([
        for mapping in values(var.mappings) : [
          {
            # Lambda reads the stream in the function's name.
            Effect = "Allow"
            Action = [
              "kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator",
              "kinesis:ListShards",
            ]
            Resource = ["arn:aws:kinesis:${local.region}:${local.account}:stream/${mapping.stream}"]
          },
          {
            Effect   = "Allow"
            Action   = ["sqs:SendMessage"]
            Resource = ["arn:aws:sqs:${local.region}:${local.account}:${mapping.dead_letters}"]
          },
        ] if mapping.function == name
      ]),
      [
        for kind, arns in local.targets : {
          Effect   = "Allow"
          Action   = [for call in local.calls[name] : call.action if call.on == kind]
          Resource = arns
        } if anytrue([for call in local.calls[name] : call.on == kind])
      ],
    )
  }
}

resource "aws_s3_object" "function" {
  for_each = var.functions
  bucket   = local.artifacts
  key      = "lambda/${basename(var.packages.functions[each.key])}"
  source   = var.packages.functions[each.key]
}

resource "aws_s3_object" "layer" {
  for_each = var.layers
  bucket   = local.artifacts
  key      = "lambda/${basename(var.packages.layers[each.key])}"
  source   = var.packages.layers[each.key]
}

resource "aws_lambda_layer_version" "this" {
  for_each                 = var.layers
  layer_name               = "${var.prefix}-${each.key}"
  description              = basename(var.packages.layers[each.key])
  s3_bucket                = local.artifacts
  s3_key                   = aws_s3_object.layer[each.key].key
  compatible_runtimes      = ["python3.12"]
  compatible_architectures = [var.packages.architecture]
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:How long is the installation's to say: env/prod.tfvars keeps a year, env/dev.tfvars two weeks.
  for_each          = var.functions
  name              = "/aws/lambda/${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key
}

module "role" {
  source   = "../role"
  for_each = var.functions
  name     = "${var.prefix}-function-${each.key}"
  services = ["lambda.amazonaws.com"]
  account  = local.account

  statements = local.statements[each.key]
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_50:Each call is in the log with its request id and what it did; a trace would show one step.
  #checkov:skip=CKV_AWS_115:A reserve would hold back a backlog's conversions; what must not run twice is held by conditional writes.
  #checkov:skip=CKV_AWS_116:Failures go to EventBridge, as the function's destination, and are told from there.
  #checkov:skip=CKV_AWS_117:They talk to AWS's own endpoints only, and hold to their roles; a VPC would add nothing but cold starts.
  #checkov:skip=CKV_AWS_272:Who may put code into the artifacts bucket is who may deploy; a signer would be the same role again.
  for_each      = var.functions
  function_name = each.key
  description   = each.value.description
  role          = module.role[each.key].arn
  runtime       = "python3.12"
  handler       = "handler.handler"
  architectures = [var.packages.architecture]
  memory_size   = each.value.memory_mb
  timeout       = each.value.timeout_s
  layers        = [for layer in try(each.value.layers, []) : aws_lambda_layer_version.this[layer].arn]
  s3_bucket     = local.artifacts
  s3_key        = aws_s3_object.function[each.key].key
  kms_key_arn   = var.kms_key

  environment {
    variables = merge(
      try(each.value.environment, {}),
      contains(try(each.value.calls, []), "elasticmapreduce:RunJobFlow") ? var.cluster : {},
    )
  }

  depends_on = [module.role, aws_cloudwatch_log_group.this]
}

resource "aws_lambda_function_event_invoke_config" "this" {
  for_each      = { for name, function in var.functions : name => function if try(function.failures_told, true) }
  function_name = aws_lambda_function.this[each.key].function_name

  destination_config {
    on_failure { destination = local.bus }
  }
}

output "arns" { value = { for name, function in aws_lambda_function.this : name => function.arn } }
