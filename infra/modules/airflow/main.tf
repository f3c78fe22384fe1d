# Amazon MWAA: the environment, its role, and the code that it reads from the artifacts bucket.

variable "name" { type = string }
variable "settings" { type = any }
variable "prefix" { type = string }
variable "reader" { type = string }
variable "buckets" { type = map(object({ name = string, arn = string })) }
variable "kms_key" { type = string }
variable "network" { type = object({ subnets = list(string), security_groups = list(string) }) }
variable "functions" { type = list(string) }
variable "crawlers" { type = list(string) }
variable "jobs" { type = list(string) }
variable "databases" { type = list(string) }
variable "workgroup" { type = string }
variable "quality_role" { type = string }
variable "data_sets" { type = list(string) }
variable "rulesets" { type = list(string) }
variable "queues" { type = list(string) }
variable "code" { type = string }

data "aws_caller_identity" "this" {}
data "aws_region" "this" {}

locals {
  account    = data.aws_caller_identity.this.account_id
  region     = data.aws_region.this.name
  glue       = "arn:aws:glue:${local.region}:${local.account}"
  quicksight = "arn:aws:quicksight:${local.region}:${local.account}"
  # What MWAA is made with, as `millrace package` lays it out. The DAGs come after everything that they call: by
  # `make deploy`, once this is applied. Their folder must be there before.
  files = merge(
    { for name in ["requirements.txt", "plugins.zip", "dags/.airflowignore"] : name => "${var.code}/${name}" },
    { "startup.sh" = "${path.module}/startup.sh" },
  )
}

resource "aws_s3_object" "code" {
  for_each    = local.files
  bucket      = var.buckets["artifacts"].name
  key         = "airflow/${each.key}"
  source      = each.value
  source_hash = filemd5(each.value)
}

module "role" {
  source   = "../role"
  name     = "${var.name}-airflow"
  services = ["airflow.amazonaws.com", "airflow-env.amazonaws.com"]
  account  = local.account

  statements = [
    {
      Effect   = "Allow"
      Action   = ["airflow:PublishMetrics"]
      Resource = ["arn:aws:airflow:${local.region}:${local.account}:environment/${var.name}"]
    },
    {
      Effect = "Allow"
      Action = [
        "logs:CreateLogStream", "logs:CreateLogGroup", "logs:PutLogEvents", "logs:GetLogEvents", "logs:GetLogRecord",
        "logs:GetLogGroupFields", "logs:GetQueryResults",
      ]
      Resource = ["arn:aws:logs:${local.region}:${local.account}:log-group:airflow-${var.name}-*"]
    },
    {
      # These take no resource; MWAA asks for the first three.
      Effect = "Allow"
      Action = [
        "logs:DescribeLogGroups", "cloudwatch:PutMetricData", "s3:GetAccountPublicAccessBlock", "glue:GetCrawlerMetrics",
      ]
      Resource = ["*"]
    },
    {
      # MWAA's own queue, in an account of AWS.
      Effect = "Allow"
      Action = [
        "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl",
        "sqs:ReceiveMessage", "sqs:SendMessage",
      ]
      Resource = ["arn:aws:sqs:${local.region}:*:airflow-celery-*"]
    },
    {
      # What a task's page shows of the functions that it called.
      Effect   = "Allow"
      Action   = ["logs:FilterLogEvents"]
      Resource = [for arn in var.functions : "arn:aws:logs:${local.region}:${local.account}:log-group:/aws/lambda/${element(split(":", arn), 6)}:*"]
    },
    {
      # What starts runs by what arrives.
      Effect   = "Allow"
      Action   = ["sqs:GetQueueUrl", "sqs:ReceiveMessage", "sqs:DeleteMessage"]
      Resource = [for name in var.queues : "arn:aws:sqs:${local.region}:${local.account}:${name}"]
    },
    {
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey", "kms:Encrypt"]
      Resource = [var.kms_key]
    },
    {
      Effect   = "Allow"
      Action   = ["s3:ListBucket", "s3:GetBucketLocation", "s3:GetBucketPublicAccessBlock"]
      Resource = [for bucket in var.buckets : bucket.arn]
    },
    {
      Effect   = "Allow"
      Action   = ["s3:GetObject", "s3:GetObjectVersion"]
      Resource = [for bucket in var.buckets : "${bucket.arn}/*"]
    },
    {
      Effect   = "Allow"
      Action   = ["s3:PutObject", "s3:PutObjectTagging", "s3:AbortMultipartUpload"]
      Resource = [for name in ["athena", "processed", "final"] : "${var.buckets[name].arn}/*"]
    },
    {
      Effect   = "Allow"
      Action   = ["lambda:InvokeFunction"]
      Resource = var.functions
    },
    {
      Effect   = "Allow"
      Action   = ["glue:GetDataQualityRuleset"]
      Resource = [for name in var.rulesets : "${local.glue}:dataQualityRuleset/${name}"]
    },
    {
      # Runs and their results are no one ruleset's; the last of these allows BatchGetDataQualityResult too.
      Effect = "Allow"
      Action = [
        "glue:StartDataQualityRulesetEvaluationRun", "glue:GetDataQualityRulesetEvaluationRun",
        "glue:CancelDataQualityRulesetEvaluationRun", "glue:GetDataQualityResult",
      ]
      Resource = ["${local.glue}:dataQualityRuleset/*"]
    },
    {
      # Glue evaluates with this role.
      Effect    = "Allow"
      Action    = ["iam:PassRole"]
      Resource  = [var.quality_role]
      Condition = { StringEquals = { "iam:PassedToService" = "glue.amazonaws.com" } }
    },
    {
      # Callbacks tell of tasks that failed.
      Effect   = "Allow"
      Action   = ["events:PutEvents"]
      Resource = ["arn:aws:events:${local.region}:${local.account}:event-bus/default"]
    },
    {
      Effect   = "Allow"
      Action   = ["glue:StartCrawler", "glue:GetCrawler"]
      Resource = [for name in var.crawlers : "${local.glue}:crawler/${name}"]
    },
    {
      Effect   = "Allow"
      Action   = ["glue:StartJobRun", "glue:GetJob", "glue:GetJobRun", "glue:GetJobRuns", "glue:BatchStopJobRun"]
      Resource = [for name in var.jobs : "${local.glue}:job/${name}"]
    },
    {
      Effect = "Allow"
      Action = [
        "athena:StartQueryExecution", "athena:GetQueryExecution", "athena:GetQueryResults", "athena:StopQueryExecution",
        "athena:GetWorkGroup",
      ]
      Resource = ["arn:aws:athena:${local.region}:${local.account}:workgroup/${var.workgroup}"]
    },
    {
      Effect = "Allow"
      Action = [
        "glue:GetDatabase", "glue:GetDatabases", "glue:GetTable", "glue:GetTables", "glue:GetPartition",
        "glue:GetPartitions", "glue:BatchGetPartition", "glue:CreateTable", "glue:UpdateTable", "glue:DeleteTable",
        "glue:BatchCreatePartition", "glue:BatchUpdatePartition", "glue:BatchDeletePartition",
      ]
      Resource = concat(
        ["${local.glue}:catalog"],
        [for name in var.databases : "${local.glue}:database/${name}"],
        [for name in var.databases : "${local.glue}:table/${name}/*"],
      )
    },
    {
      Effect = "Allow"
      Action = ["quicksight:CreateIngestion", "quicksight:DescribeIngestion"]
      Resource = concat(
        [for name in var.data_sets : "${local.quicksight}:dataset/${name}"],
        [for name in var.data_sets : "${local.quicksight}:dataset/${name}/ingestion/*"],
      )
    },
    {
      Effect   = "Allow"
      Action   = ["quicksight:ListDashboards", "quicksight:DescribeDashboard", "quicksight:GenerateEmbedUrlForRegisteredUser"]
      Resource = ["${local.quicksight}:dashboard/*", "${local.quicksight}:user/default/${var.reader}"]
    },
  ]
}

resource "aws_mwaa_environment" "this" {
  name               = var.name
  airflow_version    = "3.3.1"
  environment_class  = var.settings.class
  min_workers        = var.settings.min_workers
  max_workers        = var.settings.max_workers
  execution_role_arn = module.role.arn
  kms_key            = var.kms_key

  source_bucket_arn                = var.buckets["artifacts"].arn
  dag_s3_path                      = "airflow/dags"
  requirements_s3_path             = "airflow/requirements.txt"
  requirements_s3_object_version   = aws_s3_object.code["requirements.txt"].version_id
  plugins_s3_path                  = "airflow/plugins.zip"
  plugins_s3_object_version        = aws_s3_object.code["plugins.zip"].version_id
  startup_script_s3_path           = "airflow/startup.sh"
  startup_script_s3_object_version = aws_s3_object.code["startup.sh"].version_id
  webserver_access_mode            = var.settings.public_website ? "PUBLIC_ONLY" : "PRIVATE_ONLY"

  airflow_configuration_options = {
    "core.load_examples" = "False"
    # Who tells OpenLineage of tables and columns; nothing is told before openlineage.transport is set too.
    "openlineage.extractors"   = join(";", [for kind in ["Athena", "Glue", "Lambda"] : "millrace.lineage.${kind}Lineage"])
    "millrace.bucket_prefix"   = var.prefix
    "millrace.quicksight_user" = var.reader
  }

  network_configuration {
    subnet_ids         = var.network.subnets
    security_group_ids = var.network.security_groups
  }

  logging_configuration {
    dag_processing_logs {
      enabled   = true
      log_level = "INFO"
    }
    scheduler_logs {
      enabled   = true
      log_level = "WARNING"
    }
    task_logs {
      enabled   = true
      log_level = "INFO"
    }
    webserver_logs {
      enabled   = true
      log_level = "WARNING"
    }
    worker_logs {
      enabled   = true
      log_level = "WARNING"
    }
  }

  lifecycle {
    precondition {
      condition     = var.settings.internet || strcontains(file("${var.code}/requirements.txt"), "--no-index")
      error_message = "Airflow is to have no internet, but no wheels are packed for it: millrace package --without-internet does it, as make deploy does."
    }
  }

  depends_on = [module.role]
}

output "role" { value = module.role.name }
output "website" { value = "https://${aws_mwaa_environment.this.webserver_url}" }
