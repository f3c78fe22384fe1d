# What AWS would answer, as far as something is made of it.
mock_data "aws_caller_identity" {
  defaults = { account_id = "123456789012" }
}
mock_data "aws_region" {
  defaults = { name = "eu-central-1" }
}
mock_data "aws_availability_zones" {
  defaults = { names = ["eu-central-1a", "eu-central-1b", "eu-central-1c"] }
}
mock_resource "aws_s3_bucket" {
  defaults = { arn = "arn:aws:s3:::mocked" }
}
mock_resource "aws_kms_key" {
  defaults = { arn = "arn:aws:kms:eu-central-1:123456789012:key/mocked" }
}
mock_resource "aws_iam_role" {
  defaults = { arn = "arn:aws:iam::123456789012:role/mocked" }
}
mock_resource "aws_lambda_layer_version" {
  defaults = { arn = "arn:aws:lambda:eu-central-1:123456789012:layer:mocked:1" }
}
mock_resource "aws_lambda_function" {
  defaults = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:mocked" }
}
mock_resource "aws_cloudwatch_log_group" {
  defaults = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:mocked" }
}
mock_resource "aws_cloudwatch_event_rule" {
  defaults = { arn = "arn:aws:events:eu-central-1:123456789012:rule/mocked" }
}
mock_resource "aws_secretsmanager_secret" {
  defaults = { arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:mocked" }
}
mock_resource "aws_quicksight_data_source" {
  defaults = { arn = "arn:aws:quicksight:eu-central-1:123456789012:datasource/mocked" }
}
mock_resource "aws_kinesis_stream" {
  defaults = { arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/mocked" }
}
mock_resource "aws_redshiftserverless_workgroup" {
  defaults = { arn = "arn:aws:redshift-serverless:eu-central-1:123456789012:workgroup/mocked" }
}
mock_resource "aws_sqs_queue" {
  defaults = { arn = "arn:aws:sqs:eu-central-1:123456789012:mocked" }
}
mock_resource "aws_sns_topic" {
  defaults = { arn = "arn:aws:sns:eu-central-1:123456789012:mocked" }
}
mock_resource "aws_datasync_location_nfs" {
  defaults = { arn = "arn:aws:datasync:eu-central-1:123456789012:location/loc-00000000000000001" }
}
mock_resource "aws_datasync_location_s3" {
  defaults = { arn = "arn:aws:datasync:eu-central-1:123456789012:location/loc-00000000000000002" }
}
mock_resource "aws_quicksight_user" {
  defaults = { arn = "arn:aws:quicksight:eu-central-1:123456789012:user/default/mocked" }
}
mock_resource "aws_cloudtrail" {
  defaults = { arn = "arn:aws:cloudtrail:eu-central-1:123456789012:trail/mocked" }
}
mock_resource "aws_db_instance" {
  defaults = { address = "mocked.example.com", endpoint = "mocked.example.com:3306", port = 3306 }
}
mock_resource "aws_quicksight_group" {
  defaults = { arn = "arn:aws:quicksight:eu-central-1:123456789012:group/default/mocked" }
}
