variable "name" {
  description = "Put before the name of everything; the secrets of services are called NAME/SERVICE/database."
  type        = string
  default     = "shop"
  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,15}$", var.name))
    error_message = "2 to 16 small letters and digits, beginning with a letter."
  }
}

variable "region" {
  description = "Where everything is, such as ap-northeast-2."
  type        = string
}

variable "cidr" {
  description = "The network's addresses, a /16. deploy/kubernetes/aws/network-policies.yaml names parts of the default."
  type        = string
  default     = "10.0.0.0/16"
  validation {
    condition     = can(cidrhost(var.cidr, 0)) && endswith(var.cidr, "/16")
    error_message = "A /16, such as 10.0.0.0/16."
  }
}

variable "admin_cidrs" {
  description = "From where kubectl reaches the cluster's API. Empty: only from inside of the network."
  type        = list(string)
  default     = []
}

variable "kubernetes_version" {
  description = "Of the cluster. At least 1.33, for which the manifests are checked."
  type        = string
  default     = "1.33"
}

variable "node_instance_type" {
  description = "Of the cluster's nodes. Two replicas of seven services ask for 1.4 cores and 1.8 GB."
  type        = string
  default     = "m7g.large"
}

variable "node_count" {
  description = "Nodes at least, at most. Three, so that each zone has one."
  type        = object({ min = number, max = number })
  default     = { min = 3, max = 6 }
}

variable "database_instance_class" {
  description = "Of each service's PostgreSQL, by service; the others are db.t4g.medium."
  type        = map(string)
  default     = { order = "db.m7g.large", orchestrator = "db.m7g.large" }
}

variable "database_storage_gb" {
  description = "Of each PostgreSQL at first, and how far it may grow by itself."
  type        = object({ initial = number, max = number })
  default     = { initial = 50, max = 500 }
}

variable "backup_retention_days" {
  description = "How far back a database can be restored, to any second."
  type        = number
  default     = 14
  validation {
    condition     = var.backup_retention_days >= 7 && var.backup_retention_days <= 35
    error_message = "From 7 to 35 days."
  }
}

variable "kafka_instance_type" {
  description = "Of the three brokers."
  type        = string
  default     = "kafka.m7g.large"
}

variable "kafka_storage_gb" {
  description = "Of each broker."
  type        = number
  default     = 100
}

variable "kafka_version" {
  description = "As MSK offers it."
  type        = string
  default     = "3.9.x.kraft"
}

variable "deletion_protection" {
  description = "Whether databases and balancer refuse to be deleted. False only for a trial."
  type        = bool
  default     = true
}

variable "password_versions" {
  description = "Raise a number to have a new password made: by service for the role that owns its database, by service-SERVICE for the role that it works with, by kafka-SERVICE for its name at Kafka. docs/operations.md says how nobody notices."
  type        = map(number)
  default     = {}
}

variable "certificate_arn" {
  description = "The certificate of the shop's name, in ACM, which the balancer shows."
  type        = string
}
