terraform {
  # 1.11 has write-only arguments: no password is ever in the state.
  required_version = ">= 1.11"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 6.0"
    }
  }
  #   terraform init -backend-config=bucket=… -backend-config=key=order-delivery -backend-config=region=…
  backend "s3" {
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {
  region = var.region
  default_tags {
    tags = { project = var.name, managed-by = "terraform" }
  }
}
