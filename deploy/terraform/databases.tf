# One PostgreSQL per service: a second copy in another zone, encrypted, backed up, over TLS only, reached from the nodes only.
resource "aws_db_subnet_group" "data" {
  name       = var.name
  subnet_ids = aws_subnet.data[*].id
}

resource "aws_db_parameter_group" "postgres" {
  name   = "${var.name}-postgres18"
  family = "postgres18"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }
  # Two replicas of a service, a third during a rollout, with 17 connections each, and room for an operator.
  parameter {
    name         = "max_connections"
    value        = "200"
    apply_method = "pending-reboot"
  }
  parameter {
    name  = "log_min_duration_statement"
    value = "1000"
  }
  # No row and no parameter in the log: a slow statement is logged with its parameters otherwise, and DETAIL and CONTEXT quote rows.
  parameter {
    name  = "log_parameter_max_length"
    value = "0"
  }
  parameter {
    name  = "log_parameter_max_length_on_error"
    value = "0"
  }
  parameter {
    name  = "log_error_verbosity"
    value = "terse"
  }
}

# RDS would make them itself, and keep what is in them indefinitely.
resource "aws_cloudwatch_log_group" "database" {
  for_each          = local.services
  name              = "/aws/rds/instance/${var.name}-${each.key}/postgresql"
  retention_in_days = 30
}

# A password is made by Secrets Manager, written there, and read from there for the database: Terraform passes it on and keeps nothing of it.
# This is the role that owns the tables; only the migration step has it.
ephemeral "aws_secretsmanager_random_password" "database" {
  for_each            = local.services
  password_length     = 40
  exclude_punctuation = true
}

resource "aws_secretsmanager_secret" "database" {
  for_each                = local.services
  name                    = "${var.name}/${each.key}/database"
  kms_key_id              = aws_kms_key.data.arn
  recovery_window_in_days = 7
}

resource "aws_secretsmanager_secret_version" "database" {
  for_each  = local.services
  secret_id = aws_secretsmanager_secret.database[each.key].id
  secret_string_wo = jsonencode({
    username = "shop_${each.key}"
    password = ephemeral.aws_secretsmanager_random_password.database[each.key].random_password
  })
  secret_string_wo_version = lookup(var.password_versions, each.key, 1)
}

# The role that the service works with. RDS does not know it: the migration step creates it with this password, and gives it the rights on rows.
ephemeral "aws_secretsmanager_random_password" "run_time" {
  for_each            = local.services
  password_length     = 40
  exclude_punctuation = true
}

resource "aws_secretsmanager_secret" "run_time" {
  for_each                = local.services
  name                    = "${var.name}/${each.key}/database-service"
  kms_key_id              = aws_kms_key.data.arn
  recovery_window_in_days = 7
}

resource "aws_secretsmanager_secret_version" "run_time" {
  for_each  = local.services
  secret_id = aws_secretsmanager_secret.run_time[each.key].id
  secret_string_wo = jsonencode({
    username = "shop_${each.key}_service"
    password = ephemeral.aws_secretsmanager_random_password.run_time[each.key].random_password
  })
  secret_string_wo_version = lookup(var.password_versions, "service-${each.key}", 1)
}

ephemeral "aws_secretsmanager_secret_version" "database" {
  for_each  = local.services
  secret_id = aws_secretsmanager_secret_version.database[each.key].secret_id
}

resource "aws_security_group" "database" {
  for_each    = local.services
  name        = "${var.name}-${each.key}-database"
  description = "The database of ${each.key}"
  vpc_id      = aws_vpc.shop.id
}

resource "aws_vpc_security_group_ingress_rule" "database" {
  for_each                     = local.services
  security_group_id            = aws_security_group.database[each.key].id
  description                  = "PostgreSQL from the cluster"
  referenced_security_group_id = aws_eks_cluster.shop.vpc_config[0].cluster_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
}

resource "aws_db_instance" "service" {
  for_each   = local.services
  identifier = "${var.name}-${each.key}"

  engine         = "postgres"
  engine_version = "18"
  instance_class = lookup(var.database_instance_class, each.key, "db.t4g.medium")
  # "order" and "user" are words of SQL, and RDS takes neither for a name.
  db_name  = "shop_${each.key}"
  username = "shop_${each.key}"

  password_wo         = jsondecode(ephemeral.aws_secretsmanager_secret_version.database[each.key].secret_string)["password"]
  password_wo_version = lookup(var.password_versions, each.key, 1)

  multi_az              = true
  storage_type          = "gp3"
  allocated_storage     = var.database_storage_gb.initial
  max_allocated_storage = var.database_storage_gb.max
  storage_encrypted     = true
  kms_key_id            = aws_kms_key.data.arn

  db_subnet_group_name   = aws_db_subnet_group.data.name
  parameter_group_name   = aws_db_parameter_group.postgres.name
  vpc_security_group_ids = [aws_security_group.database[each.key].id]
  publicly_accessible    = false

  backup_retention_period   = var.backup_retention_days
  backup_window             = "17:00-18:00"
  maintenance_window        = "sun:18:30-sun:19:30"
  copy_tags_to_snapshot     = true
  deletion_protection       = var.deletion_protection
  skip_final_snapshot       = !var.deletion_protection
  final_snapshot_identifier = "${var.name}-${each.key}-final"

  performance_insights_enabled    = true
  performance_insights_kms_key_id = aws_kms_key.data.arn
  enabled_cloudwatch_logs_exports = ["postgresql"]
  auto_minor_version_upgrade      = true

  depends_on = [aws_cloudwatch_log_group.database]
}
