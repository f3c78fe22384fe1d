# The whole system, from the declarations that the embedded AWS is provisioned from too: infra/resources/*.yaml and the
# contracts in datasets/. A module for each kind of thing; what belongs to which pipeline only the declarations know.

data "aws_caller_identity" "this" {}

locals {
  root      = abspath("${path.module}/..")
  common    = local.documents["common"]
  pipelines = { for slug, document in local.documents : slug => document if slug != "common" }
  packages  = jsondecode(file(var.packages))

  # What ${…} in the declarations stands for, as millrace.resources.Names resolves it.
  documents = {
    for file in fileset("${path.module}/resources", "*.yaml") : trimsuffix(file, ".yaml") => yamldecode(
      replace(replace(replace(replace(
        file("${path.module}/resources/${file}"),
        "/\\$\\{bucket:([a-z]+)\\}/", "${var.bucket_prefix}-$1"),
        "$${prefix}", var.bucket_prefix),
        "$${account}", data.aws_caller_identity.this.account_id),
      "$${region}", var.region)
    )
  }

  contracts = merge([
    for slug in keys(local.pipelines) : {
      for file in fileset("${local.root}/datasets/${slug}", "*.yaml") : "${slug}/${trimsuffix(file, ".yaml")}" =>
      merge(yamldecode(file("${local.root}/datasets/${slug}/${file}")), { pipeline = slug })
    }
  ]...)

  functions = merge([for document in local.documents : { for name, value in try(document.functions, {}) : name => value }]...)
  secrets   = merge([for document in local.documents : { for name, value in try(document.secrets, {}) : name => value }]...)
  jobs      = merge([for document in local.pipelines : { for name, value in try(document.jobs, {}) : name => value }]...)
  rules     = merge([for document in local.documents : { for name, value in try(document.rules, {}) : name => value }]...)
  topics    = merge([for document in local.documents : { for name, value in try(document.topics, {}) : name => value }]...)
  alarms    = merge([for document in local.documents : { for name, value in try(document.alarms, {}) : name => value }]...)
  streams   = merge([for document in local.pipelines : { for name, value in try(document.streams, {}) : name => value }]...)
  queues    = merge([for document in local.pipelines : { for name, value in try(document.queues, {}) : name => value }]...)
  tables    = merge([for document in local.pipelines : { for name, value in try(document.tables, {}) : name => value }]...)
  mappings  = merge([for document in local.pipelines : { for name, value in try(document.mappings, {}) : name => value }]...)
  firehoses = merge([
    for slug, document in local.pipelines : {
      for name, firehose in try(document.firehoses, {}) : name => merge(firehose, { pipeline = slug })
    }
  ]...)
  rulesets = merge([
    for slug, document in local.pipelines : {
      for name, ruleset in try(document.rulesets, {}) : name => merge(ruleset, { database = document.database })
    }
  ]...)
  warehouses = merge([for document in local.pipelines : { for name, value in try(document.warehouses, {}) : name => value }]...)
  connections = merge([
    for document in local.pipelines : { for name, value in try(document.connections, {}) : name => value }
  ]...)
  crawlers = merge([
    for slug, document in local.pipelines : {
      for name, crawler in try(document.crawlers, {}) :
      name => merge(crawler, { pipeline = slug, database = document.database })
    }
  ]...)
  data_sets = merge([
    for slug, document in local.pipelines : {
      for name, data_set in try(document.data_sets, {}) :
      name => merge(data_set, { pipeline = slug })
    }
  ]...)
  databases = { for slug, document in local.pipelines : slug => document.database }
}

module "lake" {
  source        = "./modules/lake"
  prefix        = var.bucket_prefix
  buckets       = local.common.buckets
  force_destroy = var.force_destroy
}

module "secrets" {
  source  = "./modules/secrets"
  secrets = local.secrets
  kms_key = module.lake.kms_key
}

module "athena" {
  source    = "./modules/athena"
  workgroup = local.common.workgroup
  results   = module.lake.buckets[local.common.workgroup.results]
  kms_key   = module.lake.kms_key
  queries = {
    for name, data_set in local.data_sets : name => {
      database = local.databases[data_set.pipeline]
      name     = data_set.name
      sql      = file("${local.root}/sql/${data_set.pipeline}/${data_set.query}.sql")
    }
  }
  depends_on = [module.catalog]
}

module "functions" {
  source             = "./modules/functions"
  prefix             = var.bucket_prefix
  functions          = local.functions
  layers             = local.common.layers
  packages           = local.packages
  buckets            = module.lake.buckets
  secrets            = module.secrets.arns
  kms_key            = module.lake.kms_key
  databases          = values(local.databases)
  crawlers           = keys(local.crawlers)
  jobs               = keys(local.jobs)
  workgroup          = local.common.workgroup.name
  streams            = keys(local.streams)
  queues             = keys(local.queues)
  tables             = keys(local.tables)
  topics             = keys(local.topics)
  log_retention_days = var.log_retention_days
}

module "alarms" {
  source = "./modules/alarms"
  alarms = local.alarms
  topics = module.topics.arns
}

module "topics" {
  source  = "./modules/topics"
  topics  = local.topics
  kms_key = module.lake.kms_key
}

module "streams" {
  source    = "./modules/streams"
  streams   = local.streams
  queues    = local.queues
  tables    = local.tables
  mappings  = local.mappings
  functions = module.functions.arns
  kms_key   = module.lake.kms_key
}

module "firehoses" {
  source             = "./modules/firehoses"
  prefix             = var.bucket_prefix
  firehoses          = local.firehoses
  contracts          = local.contracts
  partitions         = module.catalog.partitions
  databases          = local.databases
  buckets            = module.lake.buckets
  streams            = module.streams.streams
  functions          = module.functions.arns
  kms_key            = module.lake.kms_key
  log_retention_days = var.log_retention_days
  depends_on         = [module.catalog]
}

module "catalog" {
  source    = "./modules/catalog"
  prefix    = var.bucket_prefix
  databases = local.databases
  contracts = local.contracts
  crawlers  = local.crawlers
  firehoses = local.firehoses
  rulesets  = local.rulesets
  buckets   = module.lake.buckets
  kms_key   = module.lake.kms_key
}

module "jobs" {
  source      = "./modules/jobs"
  prefix      = var.bucket_prefix
  jobs        = local.jobs
  connections = local.connections
  hosts       = merge(var.source_hosts, var.with.source ? { sales_source = module.source[0].host } : {})
  scripts     = "${local.root}/glue"
  wheel       = local.packages.wheel
  buckets     = module.lake.buckets
  secrets     = module.secrets.arns
  kms_key     = module.lake.kms_key
  databases   = values(local.databases)
  network     = one(module.network[*].for_jobs)
}

module "events" {
  source    = "./modules/events"
  rules     = local.rules
  functions = module.functions.arns
  queues    = module.streams.queues
}

module "quicksight" {
  source      = "./modules/quicksight"
  count       = var.with.dashboard ? 1 : 0
  data_source = local.common.data_source
  reader      = local.common.reader
  workgroup   = local.common.workgroup.name
  data_sets   = local.data_sets
  queries     = { for name, d in local.data_sets : name => file("${local.root}/sql/${d.pipeline}/${d.query}.sql") }
  dashboards = {
    for file in fileset("${local.root}/dashboards", "*.json") :
    trimsuffix(file, ".json") => file("${local.root}/dashboards/${file}") if var.with.stacks
  }
}

module "network" {
  source = "./modules/network"
  count  = var.with.airflow || var.with.source ? 1 : 0
  name   = "${var.bucket_prefix}-${var.environment}"
  cidr   = var.network_cidr
  region = var.region
}

module "source" {
  source  = "./modules/source"
  count   = var.with.source ? 1 : 0
  name    = "${var.bucket_prefix}-sales"
  network = module.network[0].for_databases
  kms_key = module.lake.kms_key
  secret  = module.secrets.arns["millrace/sales-source"]
}

module "airflow" {
  source    = "./modules/airflow"
  count     = var.with.airflow ? 1 : 0
  name      = "${var.bucket_prefix}-${var.environment}"
  settings  = var.airflow
  prefix    = var.bucket_prefix
  reader    = local.common.reader.name
  buckets   = module.lake.buckets
  kms_key   = module.lake.kms_key
  network   = module.network[0].for_airflow
  functions = values(module.functions.arns)
  crawlers  = keys(local.crawlers)
  jobs      = keys(local.jobs)
  databases = values(local.databases)
  workgroup = local.common.workgroup.name
  data_sets = keys(local.data_sets)
  queues    = distinct(flatten([for rule in values(local.rules) : [for target in rule.targets : target.queue if can(target.queue)]]))
  code      = "${local.root}/build/airflow"
}

module "warehouse" {
  source     = "./modules/warehouse"
  count      = var.with.warehouse ? 1 : 0
  prefix     = var.bucket_prefix
  warehouses = local.warehouses
  subnets    = var.warehouse_subnets
  buckets    = module.lake.buckets
  kms_key    = module.lake.kms_key
  airflow    = one(module.airflow[*].role)
}

module "budget" {
  source  = "./modules/budget"
  count   = var.with.budget ? 1 : 0
  name    = "${var.bucket_prefix}-${var.environment}"
  monthly = var.budget.monthly_usd
  emails  = var.budget.emails
}
