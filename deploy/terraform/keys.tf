# One key for what is kept: databases, brokers, secrets. MSK wants its secrets under a key of one's own.
resource "aws_kms_key" "data" {
  description             = "${var.name}: data at rest"
  enable_key_rotation     = true
  deletion_window_in_days = 30
}

resource "aws_kms_alias" "data" {
  name          = "alias/${var.name}-data"
  target_key_id = aws_kms_key.data.key_id
}
