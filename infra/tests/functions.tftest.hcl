# A function may do what it declares and no more.
mock_provider "aws" { source = "./tests" }

variables {
  prefix             = "test-lake"
  log_retention_days = 30
  layers             = { data = "libraries" }
  packages = {
    architecture = "arm64"
    functions    = { reader = "a/reader-1.zip", caller = "a/caller-1.zip" }
    layers       = { data = "a/data-1.zip" }
  }
  functions = {
    reader = {
      description = "reads", memory_mb = 128, timeout_s = 30, layers = ["data"], reads = ["raw"], writes = ["final"],
      secrets     = ["the/key"], environment = { A = "b" }
    }
    caller = { description = "calls", memory_mb = 128, timeout_s = 30, calls = ["glue:StartCrawler", "glue:GetTable", "kinesis:GetRecords"] }
  }
  buckets = {
    raw       = { name = "test-lake-raw", arn = "arn:aws:s3:::test-lake-raw" }
    final     = { name = "test-lake-final", arn = "arn:aws:s3:::test-lake-final" }
    artifacts = { name = "test-lake-artifacts", arn = "arn:aws:s3:::test-lake-artifacts" }
  }
  secrets   = { "the/key" = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:the", "other" = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:other" }
  kms_key   = "arn:aws:kms:eu-central-1:123456789012:key/k"
  databases = ["sales"]
  crawlers  = ["sales"]
  jobs      = ["sales"]
  workgroup = "millrace"
  streams   = ["events"]
  queues    = []
  tables    = []
  topics    = []
  mappings  = { reader = { function = "reader", stream = "events", dead_letters = "dead" } }
}

run "least_privilege" {
  command = apply
  module { source = "./modules/functions" }

  assert {
    condition = alltrue(flatten([
      for policy in module.role : [
        for statement in jsondecode(policy.policy).Statement : [
          for text in concat(tolist(statement.Action), tolist(statement.Resource)) : !endswith(text, "*") || strcontains(text, "/") || endswith(text, ":*")
        ]
      ]
    ]))
    error_message = "An action or a resource is a bare wildcard."
  }
  assert {
    condition = toset(flatten([
      for statement in jsondecode(module.role["reader"].policy).Statement : statement.Resource
      if contains(tolist(statement.Action), "s3:PutObject")
    ])) == toset(["arn:aws:s3:::test-lake-final/*"])
    error_message = "The reader may write elsewhere than it declares."
  }
  assert {
    condition = toset(flatten([
      for statement in jsondecode(module.role["reader"].policy).Statement : statement.Resource
      if contains(tolist(statement.Action), "secretsmanager:GetSecretValue")
    ])) == toset(["arn:aws:secretsmanager:eu-central-1:123456789012:secret:the"])
    error_message = "The reader may read another secret than it declares."
  }
  assert {
    condition = !anytrue([
      for statement in jsondecode(module.role["caller"].policy).Statement :
      anytrue([for action in statement.Action : startswith(action, "s3:") || startswith(action, "secretsmanager:")])
    ])
    error_message = "The caller, which declares no bucket and no secret, may read one."
  }
  assert {
    condition = toset(flatten([
      for statement in jsondecode(module.role["caller"].policy).Statement : statement.Resource
      if contains(tolist(statement.Action), "glue:StartCrawler")
    ])) == toset(["arn:aws:glue:eu-central-1:123456789012:crawler/sales"])
    error_message = "The caller may start other crawlers than the declared ones."
  }
  assert {
    condition = toset(flatten([
      for name in ["reader", "caller"] : [
        for statement in jsondecode(module.role[name].policy).Statement : name
        if contains(tolist(statement.Action), "kinesis:GetShardIterator")
      ]
    ])) == toset(["reader"])
    error_message = "Whoever is given a stream, and nobody else, may read it."
  }
  assert {
    condition     = alltrue([for function in aws_lambda_function.this : function.kms_key_arn == var.kms_key])
    error_message = "A function's environment is not encrypted with our key."
  }
  assert {
    condition     = alltrue([for group in aws_cloudwatch_log_group.this : group.retention_in_days == 30 && group.kms_key_id == var.kms_key])
    error_message = "A function's log is kept for ever or is not encrypted."
  }
}
