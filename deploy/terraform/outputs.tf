output "address" {
  description = "Of the balancer: the target of the shop's DNS name."
  value       = aws_lb.shop.dns_name
}

output "target_group_arn" {
  description = "For deploy/kubernetes/aws/nlb.yaml."
  value       = aws_lb_target_group.frontend.arn
}

output "cluster_name" {
  description = "For aws eks update-kubeconfig."
  value       = aws_eks_cluster.shop.name
}

output "kafka_brokers" {
  description = "For KAFKA_BROKERS in deploy/kubernetes/aws/kustomization.yaml."
  value       = aws_msk_cluster.shop.bootstrap_brokers_sasl_scram
}

output "database_endpoints" {
  description = "host:port of each service's database, for deploy/kubernetes/aws/secrets.yaml."
  value       = { for name, database in aws_db_instance.service : name => database.endpoint }
}
