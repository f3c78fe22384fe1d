# Glue's catalog: a database for each pipeline, the derived tables of its contracts (empty until a build is published),
# and the crawlers that find the others.

variable "prefix" { type = string }
variable "databases" { type = map(string) }
variable "contracts" { type = any }
variable "crawlers" { type = any }
variable "firehoses" { type = any }
variable "rulesets" { type = any }
variable "buckets" { type = map(object({ name = string, arn = string })) }
variable "kms_key" { type = string }

data "aws_caller_identity" "this" {}
data "aws_region" "this" {}

locals {
  account = data.aws_caller_identity.this.account_id
  region  = data.aws_region.this.name
  glue    = "arn:aws:glue:${local.region}:${local.account}"
  derived = { for name, contract in var.contracts : name => contract if contract.kind == "derived" }

  # Where each crawler looks: (bucket, path in it).
  paths = {
    for name, crawler in var.crawlers : name => (
      try(crawler.tables, null) == "raw"
      ? [
        for contract in values(var.contracts) : {
          bucket = split("/", contract.location)[0]
          path   = join("/", slice(split("/", contract.location), 1, length(split("/", contract.location))))
        } if contract.kind == "raw" && contract.pipeline == crawler.pipeline
      ]
      : [for path in crawler.paths : { bucket = crawler.bucket, path = path }]
    )
  }
}

resource "aws_glue_catalog_database" "this" {
  for_each = var.databases
  name     = each.value
}

resource "aws_glue_catalog_table" "this" {
  for_each      = local.derived
  name          = each.value.table
  database_name = aws_glue_catalog_database.this[each.value.pipeline].name
  description   = each.value.grain
  table_type    = "EXTERNAL_TABLE"
  parameters    = merge({ classification = "parquet", EXTERNAL = "TRUE" }, try(local.projections[each.key], {}))

  dynamic "partition_keys" {
    for_each = local.partitions[each.key]
    content {
      name = partition_keys.value[0]
      type = partition_keys.value[1]
    }
  }

  storage_descriptor {
    # A build's folder, and none yet; what Firehose fills lies where Firehose writes.
    location      = "s3://${var.prefix}-${each.value.location}${contains(keys(local.projections), each.key) ? "" : "build=none/"}"
    input_format  = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
    output_format = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"
    ser_de_info { serialization_library = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe" }

    dynamic "columns" {
      # A map's keys come sorted, but a table's columns are as the contract has them.
      for_each = { for index, name in local.columns[each.key] : format("%04d", index) => name }
      content {
        name    = columns.value
        type    = replace(each.value.columns[columns.value].type, " ", "")
        comment = each.value.columns[columns.value].description
      }
    }
  }

  lifecycle { ignore_changes = [storage_descriptor[0].location, parameters] } # publishing switches them
}

locals {
  # YAML's order, which yamldecode does not keep: columns as they stand in the file, two spaces deep under `columns:`,
  # and partitions as (name, type) from their one line.
  texts = { for name in keys(local.derived) : name => file("${path.module}/../../../datasets/${name}.yaml") }
  partitions = {
    for name, text in local.texts : name =>
    regexall("([a-z][a-z0-9_]*): *([a-z]+)", try(regex("\npartitions: \\{(.*)\\}\n", text)[0], ""))
  }
  columns = {
    for name, text in local.texts : name => [
      for line in split("\n", split("\ncolumns:\n", text)[1]) :
      trimsuffix(trimspace(line), ":") if can(regex("^  [a-z][a-z0-9_]*:\\s*$", line))
    ]
  }
}

locals {
  # A table that Firehose fills finds its partitions by itself.
  projections = {
    for firehose in values(var.firehoses) : "${firehose.pipeline}/${firehose.table}" => merge(
      { "projection.enabled" = "true" },
      [
        for key, partition in firehose.partitions : {
          for name, value in partition.projection : "projection.${key}.${name}" => value
        }
      ]...
    )
  }
}

resource "aws_glue_data_quality_ruleset" "this" {
  for_each    = var.rulesets
  name        = each.key
  description = each.value.description
  ruleset     = "Rules = [\n  ${join(",\n  ", each.value.rules)}\n]"

  target_table {
    database_name = each.value.database
    table_name    = each.value.table
  }

  depends_on = [aws_glue_catalog_table.this]
}

# By which Glue looks at the tables when it evaluates rules: it reads what is derived, and nothing else.
module "quality_role" {
  source   = "../role"
  name     = "${var.prefix}-quality"
  services = ["glue.amazonaws.com"]
  account  = local.account

  statements = [
    {
      Effect   = "Allow"
      Action   = ["s3:ListBucket"]
      Resource = [var.buckets["final"].arn]
    },
    {
      Effect   = "Allow"
      Action   = ["s3:GetObject"]
      Resource = ["${var.buckets["final"].arn}/*"]
    },
    {
      Effect   = "Allow"
      Action   = ["kms:Decrypt"]
      Resource = [var.kms_key]
    },
    {
      Effect = "Allow"
      Action = ["glue:GetDatabase", "glue:GetTable", "glue:GetPartition", "glue:GetPartitions"]
      Resource = concat(
        ["${local.glue}:catalog"],
        [for name in values(var.databases) : "${local.glue}:database/${name}"],
        [for name in values(var.databases) : "${local.glue}:table/${name}/*"],
      )
    },
    {
      Effect   = "Allow"
      Action   = ["glue:GetDataQualityRuleset"]
      Resource = [for name in keys(var.rulesets) : "${local.glue}:dataQualityRuleset/${name}"]
    },
    {
      # What is published is a run's, and a run is no one ruleset's.
      Effect   = "Allow"
      Action   = ["glue:PublishDataQuality"]
      Resource = ["${local.glue}:dataQualityRuleset/*"]
    },
    {
      Effect   = "Allow"
      Action   = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = ["arn:aws:logs:${local.region}:${local.account}:log-group:/aws-glue/data-quality*"]
    },
  ]
}

module "crawler_role" {
  source   = "../role"
  for_each = var.crawlers
  name     = "${var.prefix}-crawler-${each.key}"
  services = ["glue.amazonaws.com"]
  account  = local.account

  statements = [
    {
      Effect   = "Allow"
      Action   = ["s3:ListBucket"]
      Resource = distinct([for place in local.paths[each.key] : var.buckets[place.bucket].arn])
    },
    {
      Effect   = "Allow"
      Action   = ["s3:GetObject"]
      Resource = [for place in local.paths[each.key] : "${var.buckets[place.bucket].arn}/${place.path}*"]
    },
    {
      Effect   = "Allow"
      Action   = ["kms:Decrypt"]
      Resource = [var.kms_key]
    },
    {
      Effect = "Allow"
      Action = [
        "glue:GetDatabase", "glue:GetTable", "glue:GetTables", "glue:CreateTable", "glue:UpdateTable", "glue:DeleteTable",
        "glue:GetPartition", "glue:GetPartitions", "glue:BatchGetPartition", "glue:BatchCreatePartition",
        "glue:BatchUpdatePartition", "glue:BatchDeletePartition", "glue:CreatePartition", "glue:UpdatePartition",
      ]
      Resource = [
        "${local.glue}:catalog",
        "${local.glue}:database/${each.value.database}",
        "${local.glue}:table/${each.value.database}/*",
      ]
    },
    {
      Effect   = "Allow"
      Action   = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = ["arn:aws:logs:${local.region}:${local.account}:log-group:/aws-glue/crawlers*"]
    },
  ]
}

resource "aws_glue_crawler" "this" {
  #checkov:skip=CKV_AWS_195:A crawler keeps nothing of its own: its log has names of tables and folders, and what it reads is encrypted.
  for_each      = var.crawlers
  name          = each.key
  role          = module.crawler_role[each.key].arn
  database_name = each.value.database
  table_prefix  = try(each.value.table_prefix, null)
  schedule      = try(each.value.schedule, null)

  dynamic "s3_target" {
    for_each = local.paths[each.key]
    content {
      path       = "s3://${var.buckets[s3_target.value.bucket].name}/${s3_target.value.path}"
      exclusions = try(each.value.exclusions, [])
    }
  }

  recrawl_policy {
    recrawl_behavior = try(each.value.new_folders_only, false) ? "CRAWL_NEW_FOLDERS_ONLY" : "CRAWL_EVERYTHING"
  }

  schema_change_policy {
    update_behavior = try(each.value.new_folders_only, false) ? "LOG" : "UPDATE_IN_DATABASE"
    delete_behavior = try(each.value.new_folders_only, false) ? "LOG" : "DELETE_FROM_DATABASE"
  }

  configuration = jsonencode(merge(
    { Version = 1.0, CrawlerOutput = { Partitions = { AddOrUpdateBehavior = "InheritFromTable" } } },
    try(each.value.table_level, null) == null && !try(each.value.combine, false) ? {} : {
      Grouping = merge(
        try(each.value.table_level, null) == null ? {} : { TableLevelConfiguration = each.value.table_level },
        try(each.value.combine, false) ? { TableGroupingPolicy = "CombineCompatibleSchemas" } : {},
      )
    },
  ))

  depends_on = [module.crawler_role, aws_glue_catalog_database.this]
}

output "quality_role" { value = module.quality_role.arn }
output "crawlers" { value = keys(aws_glue_crawler.this) }

output "partitions" {
  description = "(name, type) of each derived table's partition columns, in order."
  value       = local.partitions
}
