variable "environment" {
  description = "What this installation is called, such as dev or prod."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,9}$", var.environment))
    error_message = "Two to ten lower case letters and digits, a letter first."
  }
}

variable "account" {
  description = "The only account that this installation may be in; null takes that of the credentials."
  type        = string
  default     = null

  validation {
    condition     = var.account == null || can(regex("^[0-9]{12}$", var.account))
    error_message = "An account is 12 digits."
  }
}

variable "region" {
  description = "The AWS region."
  type        = string
}

variable "bucket_prefix" {
  description = "What all buckets' names begin with. Bucket names are the whole world's, so choose one of your own."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{2,40}[a-z0-9]$", var.bucket_prefix))
    error_message = "Lower case letters, digits and hyphens, 4 to 42 of them."
  }
}

variable "packages" {
  description = "The list of built packages, which `millrace package` writes, from the folder of these files."
  type        = string
  default     = "../build/packages.json"
}

variable "log_retention_days" {
  description = "How long CloudWatch keeps logs."
  type        = number
  default     = 90
}

variable "force_destroy" {
  description = "Whether destroying the installation may delete buckets that hold objects."
  type        = bool
  default     = false
}

variable "with" {
  description = "What costs much or needs something of the account first, each off unless it is wanted; docs/deploy.md tells of each."
  type = object({
    airflow   = optional(bool, false) # MWAA and the network that it needs
    source    = optional(bool, false) # MySQL on RDS for sales, and the network that it needs
    stream    = optional(bool, false) # Kinesis, what reads it, and Firehose: a shard is paid by the hour
    dashboard = optional(bool, false) # QuickSight: needs a subscription in the account
    stacks    = optional(bool, true)  # its dashboards by CloudFormation and its groups; else whoever deploys makes them
    budget    = optional(bool, false) # a monthly budget with alarms by mail
    warehouse = optional(bool, false) # Redshift Serverless for transactions: paid by the second that it works
    audit     = optional(bool, false) # CloudTrail of the account and of each object of the lake; the role break-glass
    people    = optional(bool, true)  # roles for people
    columns   = optional(bool, false) # Lake Formation: personal columns by tag; needs an administrator
    datasync  = optional(bool, false) # a server's folder by DataSync; needs an agent
  })
  default = {}

  validation {
    condition     = !var.with.columns || var.with.people
    error_message = "Lake Formation (columns) grants columns to the people's roles: set with.people too."
  }
}

variable "people" {
  description = "Who may take on the people's roles (ARNs; else the account's policies decide), what a query of theirs may read, and who is told of break-glass."
  type = object({
    trusted           = optional(list(string), [])
    scan_cutoff_bytes = optional(number, 107374182400) # 100 GiB
    emails            = optional(list(string), [])
  })
  default = {}
}

variable "audit_days" {
  description = "How long the trail is kept."
  type        = number
  default     = 400
}

variable "lake_administrators" {
  description = "Lake Formation's administrators, ARNs, whoever deploys among them. They replace those that the account has."
  type        = list(string)
  default     = []

  validation {
    condition     = !var.with.columns || length(var.lake_administrators) > 0
    error_message = "Lake Formation (with.columns) needs an administrator."
  }
}

variable "datasync" {
  description = "The server's folder that DataSync brings in by NFS: the agents beside it (ARNs), host, folder and schedule."
  type = object({
    agents   = list(string)
    host     = string
    folder   = string
    schedule = optional(string, "cron(0 * * * ? *)")
  })
  default = null

  validation {
    condition     = !var.with.datasync || var.datasync != null
    error_message = "DataSync (with.datasync) must be told of the server: set datasync."
  }
}

variable "source_hosts" {
  description = "Where databases that pipelines read are, by connection, as host:port; RDS's own with `source`."
  type        = map(string)
  default     = {}
}

variable "airflow" {
  description = "MWAA's size and who may open its web server."
  type = object({
    class          = optional(string, "mw1.small")
    min_workers    = optional(number, 1)
    max_workers    = optional(number, 3)
    public_website = optional(bool, false)
    internet       = optional(bool, true) # a NAT gateway; without it wheels come in plugins.zip
  })
  default = {}
}

variable "warehouse_subnets" {
  description = "Three subnets in three zones for `warehouse`; none: those of the default VPC. It is reached by the Data API only."
  type        = list(string)
  default     = []
}

variable "network_cidr" {
  description = "The address range of the VPC, a /16."
  type        = string
  default     = "10.42.0.0/16"
}

variable "network_zones" {
  description = "Two availability zones; else the region's first two."
  type        = list(string)
  default     = []
}

variable "budget" {
  description = "The month's budget in US dollars, and who is told when it is nearly spent."
  type = object({
    monthly_usd = optional(number, 100)
    emails      = optional(list(string), [])
  })
  default = {}
}
