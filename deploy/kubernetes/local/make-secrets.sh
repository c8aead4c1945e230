#!/bin/sh
# Writes the secrets of the local overlay, each database with a password made just now; nothing of it is in the repository.
#   kubectl create namespace shop; deploy/kubernetes/local/make-secrets.sh | kubectl apply -f -
# Run it once: a database keeps the password that it was first started with.
set -eu
new_password() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }
for name in user order product delivery orchestrator; do
  password=$(new_password)
  cat <<SECRET
---
apiVersion: v1
kind: Secret
metadata: { name: $name-migration-database, namespace: shop }
stringData:
  password: "$password"
  url: "postgres://$name:$password@$name-db:5432/$name"
---
apiVersion: v1
kind: Secret
metadata: { name: $name-database, namespace: shop }
stringData:
  url: "postgres://${name}_service:$(new_password)@$name-db:5432/$name"
SECRET
done
