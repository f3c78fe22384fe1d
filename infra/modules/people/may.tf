# What each role may do.

locals {
  account  = data.aws_caller_identity.this.account_id
  region   = data.aws_region.this.name
  glue     = "arn:aws:glue:${local.region}:${local.account}"
  athena   = "arn:aws:athena:${local.region}:${local.account}"
  logs     = "arn:aws:logs:${local.region}:${local.account}:log-group"
  rules    = "arn:aws:events:${local.region}:${local.account}:rule"
  askers   = toset(["analyst", "steward"])
  audited  = var.audit == null ? [] : [var.audit]
  operated = concat(["airflow-*"], [for name in var.functions : "/aws/lambda/${name}"], ["/aws-glue/*"])

  catalog = concat(
    ["${local.glue}:catalog"],
    [for name in var.databases : "${local.glue}:database/${name}"],
    [for name in var.databases : "${local.glue}:table/${name}/*"],
  )

  # Whoever asks has a workgroup and a folder of results of their own: results are as personal as what was asked.
  asking = {
    for role in local.askers : role => [
      {
        Sid    = "Ask"
        Effect = "Allow"
        Action = [
          "athena:StartQueryExecution", "athena:StopQueryExecution", "athena:GetQueryExecution", "athena:GetQueryResults",
          "athena:GetQueryResultsStream", "athena:ListQueryExecutions", "athena:BatchGetQueryExecution",
          "athena:GetWorkGroup", "athena:GetQueryRuntimeStatistics",
        ]
        Resource = ["${local.athena}:workgroup/${var.prefix}-${role}"]
      },
      {
        Sid      = "SavedQueries"
        Effect   = "Allow"
        Action   = ["athena:ListNamedQueries", "athena:GetNamedQuery", "athena:BatchGetNamedQuery"]
        Resource = ["${local.athena}:workgroup/${var.workgroup}", "${local.athena}:workgroup/${var.prefix}-${role}"]
      },
      {
        Sid      = "Catalog"
        Effect   = "Allow"
        Action   = ["glue:GetDatabase", "glue:GetDatabases", "glue:GetTable", "glue:GetTables", "glue:GetPartition", "glue:GetPartitions", "glue:BatchGetPartition"]
        Resource = local.catalog
      },
      {
        Sid      = "Results"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
        Resource = ["${var.buckets["athena"].arn}/people/${role}/*"]
      },
      {
        Sid      = "ResultsBucket"
        Effect   = "Allow"
        Action   = ["s3:GetBucketLocation"]
        Resource = [var.buckets["athena"].arn]
      },
      {
        Sid       = "ThroughS3Only"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = [var.kms_key]
        Condition = { StringEquals = { "kms:ViaService" = "s3.${local.region}.amazonaws.com" } }
      },
    ]
  }
  by_columns = [
    {
      # Takes no resource: which columns, Lake Formation says.
      Sid      = "ColumnsByLakeFormation"
      Effect   = "Allow"
      Action   = ["lakeformation:GetDataAccess"]
      Resource = ["*"]
    },
  ]
  by_folders = {
    analyst = concat(
      length(var.open_folders) == 0 ? [] : [{
        Sid      = "TablesWithoutPersonalColumns"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = [for folder in var.open_folders : "${folder}/*"]
      }],
      [{
        Sid       = "TheirFolders"
        Effect    = "Allow"
        Action    = ["s3:ListBucket"]
        Resource  = [var.buckets["final"].arn]
        Condition = { StringLike = { "s3:prefix" = [for folder in var.open_folders : "${trimprefix(folder, "${var.buckets["final"].arn}/")}/*"] } }
      }],
    )
    steward = [
      {
        Sid      = "AllTables"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = [for name in ["raw", "processed", "final", "rejects"] : "${var.buckets[name].arn}/*"]
      },
      {
        Sid      = "AllFolders"
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = [for name in ["raw", "processed", "final", "rejects"] : var.buckets[name].arn]
      },
    ]
  }
  rejects = [
    {
      # Rejected rows are in no table: they are looked at as they came.
      Sid      = "RejectedRows"
      Effect   = "Allow"
      Action   = ["s3:GetObject", "s3:ListBucket"]
      Resource = [var.buckets["rejects"].arn, "${var.buckets["rejects"].arn}/*"]
    },
  ]

  # Written as JSON, for Terraform wants the branches of a condition to be of one type.
  statements = merge(
    {
      analyst = jsonencode(concat(local.asking.analyst, [for s in [local.by_folders.analyst, local.by_columns] : s][var.by_columns ? 1 : 0]))
      steward = jsonencode(concat(local.asking.steward, [for s in [local.by_folders.steward, concat(local.by_columns, local.rejects)] : s][var.by_columns ? 1 : 0]))
      operator = jsonencode(concat(
        [
          {
            Sid      = "RunJobs"
            Effect   = "Allow"
            Action   = ["glue:StartJobRun", "glue:BatchStopJobRun", "glue:GetJob", "glue:GetJobRun", "glue:GetJobRuns"]
            Resource = [for name in var.jobs : "${local.glue}:job/${name}"]
          },
          {
            Sid      = "RunCrawlers"
            Effect   = "Allow"
            Action   = ["glue:StartCrawler", "glue:StopCrawler", "glue:GetCrawler"]
            Resource = [for name in var.crawlers : "${local.glue}:crawler/${name}"]
          },
          {
            Sid      = "ReadLogs"
            Effect   = "Allow"
            Action   = ["logs:FilterLogEvents", "logs:GetLogEvents", "logs:DescribeLogStreams", "logs:StartQuery", "logs:GetQueryResults"]
            Resource = flatten([for name in local.operated : ["${local.logs}:${name}", "${local.logs}:${name}:*"]])
          },
          {
            # These take no resource.
            Sid    = "Look"
            Effect = "Allow"
            Action = [
              "logs:DescribeLogGroups", "cloudwatch:GetMetricData", "cloudwatch:ListMetrics",
              "cloudwatch:ListDashboards", "glue:ListJobs", "glue:ListCrawlers",
            ]
            Resource = ["*"]
          },
          {
            Sid    = "LookAtAlarms"
            Effect = "Allow"
            Action = ["cloudwatch:DescribeAlarms", "cloudwatch:GetDashboard"]
            Resource = [
              "arn:aws:cloudwatch:${local.region}:${local.account}:alarm:*", "arn:aws:cloudwatch::${local.account}:dashboard/*",
            ]
          },
          {
            Sid      = "HoldAndReleaseEvents"
            Effect   = "Allow"
            Action   = ["events:DescribeRule", "events:EnableRule", "events:DisableRule", "events:ListTargetsByRule"]
            Resource = [for name in var.rules : "${local.rules}/${name}"]
          },
        ],
        [for statement in [{
          Sid      = "ReadDeadLetters"
          Effect   = "Allow"
          Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"]
          Resource = [for name in var.queues : "arn:aws:sqs:${local.region}:${local.account}:${name}"]
          }, {
          Sid       = "OfQueuesOnly"
          Effect    = "Allow"
          Action    = ["kms:Decrypt"]
          Resource  = [var.kms_key]
          Condition = { StringEquals = { "kms:ViaService" = "sqs.${local.region}.amazonaws.com" } }
        }] : statement if length(var.queues) > 0],
        length(var.streams) == 0 ? [] : [{
          Sid      = "LookAtStreams"
          Effect   = "Allow"
          Action   = ["kinesis:DescribeStreamSummary", "kinesis:ListShards"]
          Resource = [for name in var.streams : "arn:aws:kinesis:${local.region}:${local.account}:stream/${name}"]
        }],
        var.airflow == null ? [] : [{
          Sid      = "Airflow"
          Effect   = "Allow"
          Action   = ["airflow:CreateWebLoginToken"]
          Resource = ["arn:aws:airflow:${local.region}:${local.account}:role/${var.airflow}/Op"]
        }],
      ))
    },
    {
      for audit in local.audited : "auditor" => jsonencode([
        {
          Sid      = "ReadTheTrail"
          Effect   = "Allow"
          Action   = ["s3:GetObject", "s3:ListBucket"]
          Resource = [audit.bucket.arn, "${audit.bucket.arn}/*"]
        },
        {
          Sid      = "DecryptTheTrail"
          Effect   = "Allow"
          Action   = ["kms:Decrypt"]
          Resource = [audit.kms_key]
        },
        {
          Sid      = "LookAtTheTrail"
          Effect   = "Allow"
          Action   = ["cloudtrail:GetTrail", "cloudtrail:GetTrailStatus", "cloudtrail:GetEventSelectors"]
          Resource = [audit.trail]
        },
        {
          # Takes no resource.
          Sid      = "LookUpEvents"
          Effect   = "Allow"
          Action   = ["cloudtrail:LookupEvents"]
          Resource = ["*"]
        },
        {
          Sid      = "ReadRoles"
          Effect   = "Allow"
          Action   = ["iam:GetRole", "iam:GetRolePolicy", "iam:ListRolePolicies", "iam:ListAttachedRolePolicies"]
          Resource = ["arn:aws:iam::${local.account}:role/${var.prefix}-*"]
        },
      ])
    },
    {
      for audit in local.audited : "break-glass" => jsonencode([
        {
          Sid    = "MendObjects"
          Effect = "Allow"
          Action = [
            "s3:ListBucket", "s3:ListBucketVersions", "s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectTagging", "s3:PutObject",
            "s3:PutObjectTagging", "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:AbortMultipartUpload",
          ]
          Resource = flatten([for bucket in values(var.buckets) : [bucket.arn, "${bucket.arn}/*"]])
        },
        {
          Sid      = "Decrypt"
          Effect   = "Allow"
          Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
          Resource = [var.kms_key]
        },
        {
          Sid    = "MendTheCatalog"
          Effect = "Allow"
          Action = [
            "glue:GetDatabase", "glue:GetTable", "glue:GetTables", "glue:GetTableVersions", "glue:UpdateTable", "glue:GetPartitions",
            "glue:BatchCreatePartition", "glue:BatchUpdatePartition", "glue:BatchDeletePartition",
          ]
          Resource = local.catalog
        },
        {
          Sid      = "MendSecrets"
          Effect   = "Allow"
          Action   = ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:DescribeSecret"]
          Resource = values(var.secrets)
        },
        {
          Sid      = "StopFunctions"
          Effect   = "Allow"
          Action   = ["lambda:GetFunctionConfiguration", "lambda:PutFunctionConcurrency", "lambda:DeleteFunctionConcurrency"]
          Resource = [for name in var.functions : "arn:aws:lambda:${local.region}:${local.account}:function:${name}"]
        },
        {
          Sid      = "StopEvents"
          Effect   = "Allow"
          Action   = ["events:DescribeRule", "events:EnableRule", "events:DisableRule"]
          Resource = [for name in var.rules : "${local.rules}/${name}"]
        },
      ])
    },
  )
}
