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

  # What of the declared streams there is, by the switch.
  live = {
    streams   = { for name, stream in local.streams : name => stream if var.with.stream }
    mappings  = { for name, mapping in local.mappings : name => mapping if var.with.stream }
    firehoses = { for name, firehose in local.firehoses : name => firehose if var.with.stream }
  }

  # Which columns of the derived tables are personal, as the contracts say. A pseudonym is a keyed hash or the like.
  columns = {
    for name, contract in local.contracts : name => {
      database  = local.databases[contract.pipeline]
      table     = contract.table
      none      = [for column, value in contract.columns : column if try(value.pii, "none") == "none"]
      pseudonym = [for column, value in contract.columns : column if try(value.pii, "none") == "pseudonym"]
      personal  = [for column, value in contract.columns : column if !contains(["none", "pseudonym"], try(value.pii, "none"))]
    } if contract.kind == "derived"
  }
  open_folders = sort([
    for name, table in local.columns : "arn:aws:s3:::${var.bucket_prefix}-${trimsuffix(local.contracts[name].location, "/")}"
    if length(table.personal) == 0
  ])

  # The questions that people may ask again: what has no templates and changes nothing, by its data set's name if it has one.
  asked = merge([
    for slug in keys(local.pipelines) : {
      for file in fileset("${local.root}/sql/${slug}", "*.sql") : "${slug}/${trimsuffix(file, ".sql")}" => {
        database = local.databases[slug]
        name     = "${slug} ${replace(trimsuffix(file, ".sql"), "_", " ")}"
        sql      = file("${local.root}/sql/${slug}/${file}")
      } if length(regexall("\\{[{%]|(?m:^(CREATE|UNLOAD|INSERT|MERGE|DELETE))", file("${local.root}/sql/${slug}/${file}"))) == 0
    }
  ]...)
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
  source     = "./modules/athena"
  workgroup  = local.common.workgroup
  results    = module.lake.buckets[local.common.workgroup.results]
  kms_key    = module.lake.kms_key
  queries    = local.asked
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
  mappings           = local.live.mappings
  log_retention_days = var.log_retention_days
  # A cluster is started where Glue's jobs run, if there is such a place.
  cluster = one([for place in module.network[*].for_jobs : { SUBNET = place.subnet, BOOTSTRAP = module.emr.bootstrap }])
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
  streams   = local.live.streams
  queues    = local.queues
  tables    = local.tables
  mappings  = local.live.mappings
  functions = module.functions.arns
  kms_key   = module.lake.kms_key
}

module "firehoses" {
  source             = "./modules/firehoses"
  prefix             = var.bucket_prefix
  firehoses          = local.live.firehoses
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
  groups = var.with.stacks
}

module "network" {
  source             = "./modules/network"
  count              = var.with.airflow || var.with.source ? 1 : 0
  name               = "${var.bucket_prefix}-${var.environment}"
  cidr               = var.network_cidr
  region             = var.region
  zones              = var.network_zones
  internet           = var.with.airflow && var.airflow.internet
  kms_key            = module.lake.kms_key
  log_retention_days = var.log_retention_days
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
  rulesets  = keys(local.rulesets)
  queues    = distinct(flatten([for rule in values(local.rules) : [for target in rule.targets : target.queue if can(target.queue)]]))
  code      = "${local.root}/build/airflow"

  quality_role = module.catalog.quality_role
}

module "emr" {
  source = "./modules/emr"
  prefix = var.bucket_prefix
  # A transient cluster runs jobs of the pipelines that have the function which starts one.
  jobs         = merge([for document in local.pipelines : try(document.jobs, {}) if can(document.functions.start_emr)]...)
  databases    = [for document in local.pipelines : document.database if can(document.functions.start_emr)]
  buckets      = module.lake.buckets
  secrets      = module.secrets.arns
  kms_key      = module.lake.kms_key
  release      = local.functions.start_emr.environment.RELEASE
  architecture = local.packages.architecture
  network      = one(module.network[*].for_jobs)
  lock         = file("${local.root}/requirements.lock")
}

module "datasync" {
  source = "./modules/datasync"
  count  = var.with.datasync ? 1 : 0
  prefix = var.bucket_prefix
  server = var.datasync
  tables = {
    for name, contract in local.contracts : name => {
      folder = trimprefix(contract.location, "raw/")
      files  = trimprefix(contract.table, "raw_")
    } if contract.kind == "raw" && local.pipelines[contract.pipeline].source.kind == "sync"
  }
  bucket             = module.lake.buckets["raw"]
  kms_key            = module.lake.kms_key
  log_retention_days = var.log_retention_days
}

module "dashboard" {
  source      = "./modules/dashboard"
  name        = "${var.bucket_prefix}-${var.environment}"
  alarms      = keys(local.alarms)
  functions   = keys(local.functions)
  fault_rules = [for name, rule in local.rules : name if startswith(name, "alerts_") && can(rule.pattern)]
  streams     = keys(local.live.streams)
  firehoses   = keys(local.live.firehoses)
  queues      = keys(local.queues)
  workgroups  = concat([local.common.workgroup.name], try(module.people[0].workgroups, []))
  buckets     = [for bucket in module.lake.buckets : bucket.name]
}

module "audit" {
  source        = "./modules/audit"
  count         = var.with.audit ? 1 : 0
  prefix        = var.bucket_prefix
  buckets       = module.lake.buckets
  keep_days     = var.audit_days
  force_destroy = var.force_destroy
}

module "people" {
  source            = "./modules/people"
  count             = var.with.people ? 1 : 0
  prefix            = var.bucket_prefix
  trusted           = var.people.trusted
  by_columns        = var.with.columns
  scan_cutoff_bytes = var.people.scan_cutoff_bytes
  buckets           = module.lake.buckets
  open_folders      = local.open_folders
  kms_key           = module.lake.kms_key
  databases         = values(local.databases)
  workgroup         = local.common.workgroup.name
  jobs              = keys(local.jobs)
  crawlers          = keys(local.crawlers)
  functions         = keys(local.functions)
  streams           = keys(local.streams)
  queues            = keys(local.queues)
  rules             = keys(local.rules)
  secrets           = module.secrets.arns
  airflow           = var.with.airflow ? "${var.bucket_prefix}-${var.environment}" : null
  audit             = one([for audit in module.audit : { trail = audit.trail, bucket = audit.bucket, kms_key = audit.kms_key }])
  told              = var.people.emails
}

module "columns" {
  source         = "./modules/columns"
  count          = var.with.columns ? 1 : 0
  prefix         = var.bucket_prefix
  databases      = values(local.databases)
  tables         = local.columns
  locations      = [for name in ["raw", "processed", "final"] : module.lake.buckets[name].arn]
  kms_key        = module.lake.kms_key
  administrators = var.lake_administrators
  readers = {
    analyst = { role = module.people[0].roles["analyst"], kinds = ["none", "pseudonym"] }
    steward = { role = module.people[0].roles["steward"], kinds = ["none", "pseudonym", "personal"] }
  }
  depends_on = [module.catalog]
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
