# Everything at once, with every switch on.
mock_provider "aws" { source = "./tests" }

variables {
  environment   = "prod"
  region        = "eu-central-1"
  bucket_prefix = "test-lake"
  network_zones = ["eu-central-1a", "eu-central-1b"]
  with = {
    airflow = true, source = true, dashboard = true, budget = true, audit = true, people = true, columns = true, datasync = true, warehouse = true, stream = true
  }
  airflow             = {}
  people              = { emails = ["security@example.com"] }
  lake_administrators = ["arn:aws:iam::123456789012:role/administrator"]
  datasync = {
    agents = ["arn:aws:datasync:eu-central-1:123456789012:agent/agent-00000000000000000"]
    host   = "files.example.com"
    folder = "/export"
  }
}

run "everything" {
  command = apply

  assert {
    condition     = length(output.functions) > 0
    error_message = "There are no functions."
  }
}
