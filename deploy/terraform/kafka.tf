# Three brokers in three zones. A message counts as sent when two of them have it; each service has a name and password of its own.
resource "aws_security_group" "kafka" {
  name        = "${var.name}-kafka"
  description = "The brokers"
  vpc_id      = aws_vpc.shop.id
}

resource "aws_vpc_security_group_ingress_rule" "kafka" {
  security_group_id            = aws_security_group.kafka.id
  description                  = "TLS and SCRAM from the cluster"
  referenced_security_group_id = aws_eks_cluster.shop.vpc_config[0].cluster_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = 9096
  to_port                      = 9096
}

resource "aws_msk_configuration" "shop" {
  name = var.name
  # Who may do what is said by the first rules that are made (docs/operations.md); from then on nobody may do anything else.
  server_properties = <<-PROPERTIES
    auto.create.topics.enable=false
    default.replication.factor=3
    min.insync.replicas=2
    num.partitions=6
    offsets.topic.replication.factor=3
    unclean.leader.election.enable=false
    log.retention.hours=168
  PROPERTIES
}

resource "aws_cloudwatch_log_group" "kafka" {
  name              = "/${var.name}/kafka"
  retention_in_days = 30
}

resource "aws_msk_cluster" "shop" {
  cluster_name           = var.name
  kafka_version          = var.kafka_version
  number_of_broker_nodes = 3
  enhanced_monitoring    = "PER_TOPIC_PER_BROKER"

  broker_node_group_info {
    instance_type   = var.kafka_instance_type
    client_subnets  = aws_subnet.data[*].id
    security_groups = [aws_security_group.kafka.id]
    storage_info {
      ebs_storage_info { volume_size = var.kafka_storage_gb }
    }
  }
  client_authentication {
    sasl { scram = true }
    unauthenticated = false
  }
  encryption_info {
    encryption_at_rest_kms_key_arn = aws_kms_key.data.arn
    encryption_in_transit {
      client_broker = "TLS"
      in_cluster    = true
    }
  }
  configuration_info {
    arn      = aws_msk_configuration.shop.arn
    revision = aws_msk_configuration.shop.latest_revision
  }
  logging_info {
    broker_logs {
      cloudwatch_logs {
        enabled   = true
        log_group = aws_cloudwatch_log_group.kafka.name
      }
    }
  }
  open_monitoring {
    prometheus {
      jmx_exporter { enabled_in_broker = true }
      node_exporter { enabled_in_broker = true }
    }
  }
}

locals {
  # "admin" makes topics and says who may do what; no service knows its password.
  identities = setunion(local.participants, ["admin"])
}

ephemeral "aws_secretsmanager_random_password" "kafka" {
  for_each            = local.identities
  password_length     = 40
  exclude_punctuation = true
}

# MSK finds only secrets whose names begin with AmazonMSK_.
resource "aws_secretsmanager_secret" "kafka" {
  for_each                = local.identities
  name                    = "AmazonMSK_${var.name}_${each.key}"
  kms_key_id              = aws_kms_key.data.arn
  recovery_window_in_days = 7
}

resource "aws_secretsmanager_secret_version" "kafka" {
  for_each  = local.identities
  secret_id = aws_secretsmanager_secret.kafka[each.key].id
  secret_string_wo = jsonencode({
    username = each.key
    password = ephemeral.aws_secretsmanager_random_password.kafka[each.key].random_password
  })
  secret_string_wo_version = lookup(var.password_versions, "kafka-${each.key}", 1)
}

data "aws_iam_policy_document" "kafka_reads" {
  for_each = local.identities
  statement {
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [aws_secretsmanager_secret.kafka[each.key].arn]
    principals {
      type        = "Service"
      identifiers = ["kafka.amazonaws.com"]
    }
  }
}

resource "aws_secretsmanager_secret_policy" "kafka" {
  for_each   = local.identities
  secret_arn = aws_secretsmanager_secret.kafka[each.key].arn
  policy     = data.aws_iam_policy_document.kafka_reads[each.key].json
}

resource "aws_msk_scram_secret_association" "shop" {
  cluster_arn     = aws_msk_cluster.shop.arn
  secret_arn_list = [for secret in aws_secretsmanager_secret.kafka : secret.arn]
  depends_on      = [aws_secretsmanager_secret_version.kafka, aws_secretsmanager_secret_policy.kafka]
}
