# A VPC for what must be in one: private subnets in two zones, no way in from outside, AWS's services by endpoints, and
# for Airflow, which installs its requirements from PyPI, a way out by one NAT gateway.

variable "name" { type = string }
variable "cidr" { type = string }
variable "region" { type = string }
variable "zones" { type = list(string) }
variable "internet" { type = bool }
variable "kms_key" { type = string }
variable "log_retention_days" { type = number }

data "aws_availability_zones" "this" {
  #checkov:skip=CKV_AWS_394:network_zones pins them.
  count = length(var.zones) == 0 ? 1 : 0
  state = "available"
}

data "aws_caller_identity" "this" {}

locals {
  zones = slice(length(var.zones) == 0 ? data.aws_availability_zones.this[0].names : var.zones, 0, 2)
  # What MWAA's workers and Glue's jobs talk to.
  endpoints = [
    "airflow.api", "airflow.env", "airflow.ops", "athena", "ecr.api", "ecr.dkr", "events", "glue", "kms", "lambda", "logs",
    "monitoring", "redshift-data", "secretsmanager", "sqs", "sts",
  ]
}

resource "aws_vpc" "this" {
  cidr_block           = var.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = { Name = var.name }
}

resource "aws_default_security_group" "closed" { vpc_id = aws_vpc.this.id }

resource "aws_subnet" "private" {
  for_each          = { for index, zone in local.zones : zone => cidrsubnet(var.cidr, 8, index) }
  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value
  tags              = { Name = "${var.name}-private-${each.key}" }
}

resource "aws_route_table" "private" {
  vpc_id = aws_vpc.this.id
  tags   = { Name = "${var.name}-private" }
}

resource "aws_subnet" "public" {
  # The NAT gateway and nothing else is in it.
  count             = var.internet ? 1 : 0
  vpc_id            = aws_vpc.this.id
  availability_zone = local.zones[0]
  cidr_block        = cidrsubnet(var.cidr, 8, 255)
  tags              = { Name = "${var.name}-public" }
}

resource "aws_internet_gateway" "this" {
  count  = var.internet ? 1 : 0
  vpc_id = aws_vpc.this.id
}

resource "aws_route_table" "public" {
  count  = var.internet ? 1 : 0
  vpc_id = aws_vpc.this.id
  tags   = { Name = "${var.name}-public" }
}

resource "aws_route" "public" {
  count                  = var.internet ? 1 : 0
  route_table_id         = aws_route_table.public[0].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this[0].id
}

resource "aws_route_table_association" "public" {
  count          = var.internet ? 1 : 0
  subnet_id      = aws_subnet.public[0].id
  route_table_id = aws_route_table.public[0].id
}

resource "aws_eip" "out" {
  count  = var.internet ? 1 : 0
  domain = "vpc"
}

resource "aws_nat_gateway" "this" {
  count         = var.internet ? 1 : 0
  allocation_id = aws_eip.out[0].id
  subnet_id     = aws_subnet.public[0].id
  depends_on    = [aws_internet_gateway.this]
}

resource "aws_route" "out" {
  count                  = var.internet ? 1 : 0
  route_table_id         = aws_route_table.private.id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this[0].id
}

resource "aws_route_table_association" "private" {
  for_each       = aws_subnet.private
  subnet_id      = each.value.id
  route_table_id = aws_route_table.private.id
}

resource "aws_security_group" "inside" {
  name        = "${var.name}-inside"
  description = "What runs in the VPC talks to itself and to the endpoints"
  vpc_id      = aws_vpc.this.id
}

resource "aws_vpc_security_group_ingress_rule" "inside" {
  security_group_id            = aws_security_group.inside.id
  description                  = "From itself: Glue and MWAA demand all ports"
  ip_protocol                  = "-1"
  referenced_security_group_id = aws_security_group.inside.id
}

resource "aws_vpc_security_group_egress_rule" "inside" {
  security_group_id = aws_security_group.inside.id
  description       = "To the VPC, where the endpoints are"
  ip_protocol       = "-1"
  cidr_ipv4         = var.cidr
}

resource "aws_vpc_security_group_egress_rule" "s3" {
  security_group_id = aws_security_group.inside.id
  description       = "To S3 by its gateway"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  prefix_list_id    = aws_vpc_endpoint.s3.prefix_list_id
}

# Airflow has a group of its own besides, which alone may go out.
resource "aws_security_group" "out" {
  #checkov:skip=CKV2_AWS_5:It is attached to Airflow, in another module.
  count       = var.internet ? 1 : 0
  name        = "${var.name}-out"
  description = "What may reach the internet by TLS"
  vpc_id      = aws_vpc.this.id
}

resource "aws_vpc_security_group_egress_rule" "out" {
  count             = var.internet ? 1 : 0
  security_group_id = aws_security_group.out[0].id
  description       = "TLS, to PyPI and to what of AWS has no endpoint here, such as QuickSight"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_vpc_endpoint" "s3" {
  vpc_id            = aws_vpc.this.id
  service_name      = "com.amazonaws.${var.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [aws_route_table.private.id]
}

resource "aws_vpc_endpoint" "this" {
  for_each            = toset(local.endpoints)
  vpc_id              = aws_vpc.this.id
  service_name        = "com.amazonaws.${var.region}.${each.value}"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = [for subnet in aws_subnet.private : subnet.id]
  security_group_ids  = [aws_security_group.inside.id]
}

resource "aws_flow_log" "this" {
  vpc_id               = aws_vpc.this.id
  traffic_type         = "REJECT"
  log_destination_type = "cloud-watch-logs"
  log_destination      = aws_cloudwatch_log_group.flow.arn
  iam_role_arn         = module.flow_role.arn
}

resource "aws_cloudwatch_log_group" "flow" {
  #checkov:skip=CKV_AWS_338:How long is the installation's to say: env/prod.tfvars keeps a year, env/dev.tfvars two weeks.
  name              = "/vpc/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key
}

module "flow_role" {
  source   = "../role"
  name     = "${var.name}-flow-logs"
  services = ["vpc-flow-logs.amazonaws.com"]
  account  = data.aws_caller_identity.this.account_id

  statements = [{
    Effect   = "Allow"
    Action   = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
    Resource = ["${aws_cloudwatch_log_group.flow.arn}:*"]
  }]
}

output "for_airflow" {
  value = {
    subnets         = [for subnet in aws_subnet.private : subnet.id]
    security_groups = concat([aws_security_group.inside.id], aws_security_group.out[*].id)
  }
}

output "for_databases" {
  value = {
    subnets        = [for subnet in aws_subnet.private : subnet.id]
    vpc            = aws_vpc.this.id
    security_group = aws_security_group.inside.id
  }
}

output "for_jobs" {
  value = {
    subnet         = aws_subnet.private[local.zones[0]].id
    zone           = local.zones[0]
    security_group = aws_security_group.inside.id
  }
}
