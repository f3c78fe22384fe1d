variable "environment" {
  description = "What this installation is called, such as dev or prod."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,9}$", var.environment))
    error_message = "Two to ten lower case letters and digits, a letter first."
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
  description = "The dear parts, each off unless it is wanted: what each costs is in docs/cost.md."
  type = object({
    airflow   = optional(bool, false) # MWAA and the network that it needs
    source    = optional(bool, false) # MySQL on RDS for sales, and the network that it needs
    dashboard = optional(bool, false) # QuickSight: needs a subscription in the account
    stacks    = optional(bool, true)  # the dashboards themselves, by CloudFormation; without it, by QuickSight's API
    budget    = optional(bool, false) # a monthly budget with alarms by mail
    warehouse = optional(bool, false) # Redshift Serverless for transactions: paid by the second that it works
  })
  default = {}
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

variable "budget" {
  description = "The month's budget in US dollars, and who is told when it is nearly spent."
  type = object({
    monthly_usd = optional(number, 100)
    emails      = optional(list(string), [])
  })
  default = {}
}
