# A warehouse reads where it is declared to and nowhere else, is reached from nowhere, and cannot run up a bill.
mock_provider "aws" { source = "./tests" }

variables {
  prefix     = "test-lake"
  subnets    = []
  kms_key    = "arn:aws:kms:eu-central-1:123456789012:key/k"
  airflow    = "test-lake-airflow"
  warehouses = { shop = { description = "sales", database = "shop", reads = ["final/shop/", "processed/_warehouse/shop/"], rpu_hours = 3 } }
  buckets = {
    raw       = { name = "test-lake-raw", arn = "arn:aws:s3:::test-lake-raw" }
    processed = { name = "test-lake-processed", arn = "arn:aws:s3:::test-lake-processed" }
    final     = { name = "test-lake-final", arn = "arn:aws:s3:::test-lake-final" }
  }
}

run "warehouse" {
  command = apply
  module { source = "./modules/warehouse" }

  assert {
    condition = toset(flatten([
      for statement in jsondecode(module.role["shop"].policy).Statement : statement.Resource
      if contains(tolist(statement.Action), "s3:GetObject")
    ])) == toset(["arn:aws:s3:::test-lake-final/shop/*", "arn:aws:s3:::test-lake-processed/_warehouse/shop/*"])
    error_message = "The warehouse may read other objects than it declares."
  }
  assert {
    condition = alltrue(flatten([
      for statement in jsondecode(module.role["shop"].policy).Statement : [
        for action in statement.Action : contains(["s3:ListBucket", "s3:GetObject", "s3:GetBucketLocation", "kms:Decrypt"], action)
      ]
    ]))
    error_message = "The warehouse may do more than read."
  }
  assert {
    condition     = aws_redshiftserverless_workgroup.this["shop"].publicly_accessible == false
    error_message = "The workgroup can be reached from outside."
  }
  assert {
    condition     = aws_redshiftserverless_namespace.this["shop"].kms_key_id == var.kms_key
    error_message = "The warehouse is not encrypted with the lake's key."
  }
  assert {
    condition = (
      aws_redshiftserverless_usage_limit.this["shop"].breach_action == "deactivate" &&
      aws_redshiftserverless_usage_limit.this["shop"].amount == 3 &&
      aws_redshiftserverless_usage_limit.this["shop"].period == "daily"
    )
    error_message = "What the warehouse may use has no limit."
  }
  assert {
    condition = alltrue([
      for statement in jsondecode(aws_iam_role_policy.airflow[0].policy).Statement :
      !contains(tolist(statement.Resource), "*") || try(statement.Condition.StringEquals["redshift-data:statement-owner-iam-userid"], "") == "$${aws:userid}"
    ])
    error_message = "Airflow may look at statements that are not its own."
  }
}

run "nobody_loads" {
  command = plan
  module { source = "./modules/warehouse" }
  variables { airflow = null }

  assert {
    condition     = length(aws_iam_role_policy.airflow) == 0
    error_message = "There is no Airflow to give rights to."
  }
}
