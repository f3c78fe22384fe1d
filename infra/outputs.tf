output "buckets" {
  description = "The buckets' names by their short names."
  value       = { for name, bucket in module.lake.buckets : name => bucket.name }
}

output "functions" {
  description = "The Lambda functions' ARNs by name."
  value       = module.functions.arns
}

output "jobs" {
  description = "The Glue jobs."
  value       = module.jobs.names
}

output "crawlers" {
  description = "The Glue crawlers."
  value       = module.catalog.crawlers
}

output "airflow" {
  description = "Where Airflow's web server is, if there is one."
  value       = one(module.airflow[*].website)
}
