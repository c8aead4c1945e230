# The network load balancer: the one way in. It ends TLS and passes bytes on; its targets are the frontends' pods, which the cluster's
# AWS Load Balancer Controller registers (TargetGroupBinding in deploy/kubernetes/aws/nlb.yaml).
resource "aws_security_group" "balancer" {
  name        = "${var.name}-balancer"
  description = "The way in"
  vpc_id      = aws_vpc.shop.id
}

resource "aws_vpc_security_group_ingress_rule" "balancer" {
  for_each          = { ipv4 = "0.0.0.0/0" }
  security_group_id = aws_security_group.balancer.id
  description       = "HTTPS from anywhere"
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "balancer" {
  for_each                     = { requests = 8080, health = 9080 }
  security_group_id            = aws_security_group.balancer.id
  description                  = "To the frontends: ${each.key}"
  referenced_security_group_id = aws_eks_cluster.shop.vpc_config[0].cluster_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
}

resource "aws_vpc_security_group_ingress_rule" "frontends" {
  for_each                     = { requests = 8080, health = 9080 }
  security_group_id            = aws_eks_cluster.shop.vpc_config[0].cluster_security_group_id
  description                  = "From the balancer: ${each.key}"
  referenced_security_group_id = aws_security_group.balancer.id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
}

resource "aws_lb" "shop" {
  name                             = var.name
  load_balancer_type               = "network"
  subnets                          = aws_subnet.public[*].id
  security_groups                  = [aws_security_group.balancer.id]
  enable_cross_zone_load_balancing = true
  enable_deletion_protection       = var.deletion_protection
}

resource "aws_lb_target_group" "frontend" {
  name        = "${var.name}-frontend"
  vpc_id      = aws_vpc.shop.id
  target_type = "ip"
  protocol    = "TCP"
  port        = 8080
  # A frontend that goes has answered what it holds after ten seconds.
  deregistration_delay = 15
  # Addresses of clients would need a rule per client in the pods' NetworkPolicy; the frontends do not look at them.
  preserve_client_ip = false

  # Asked on the management port, so that a frontend that is about to stop gets no new connections.
  health_check {
    protocol            = "HTTP"
    port                = "9080"
    path                = "/readyz"
    interval            = 5
    timeout             = 2
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.shop.arn
  protocol          = "TLS"
  port              = 443
  certificate_arn   = var.certificate_arn
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.frontend.arn
  }
}
