#!/bin/sh
# Backs up databases of the composed system while it runs: deploy/docker/backup.sh DIRECTORY [SERVICE...]
# Compose's own variables, such as COMPOSE_PROJECT_NAME and COMPOSE_FILE, say which system. A dump that is there already is replaced when the new one is whole.
set -eu
[ $# -ge 1 ] || { echo "usage: $0 DIRECTORY [user|order|product|delivery|orchestrator ...]" >&2; exit 2; }
directory=$1
shift
[ $# -gt 0 ] || set -- user order product delivery orchestrator
mkdir -p "$directory"
for service; do
  part=$directory/$service.dump.part
  docker compose exec -T "$service-db" \
    pg_dump -h /var/run/postgresql -U "$service" -d "$service" --format=custom >"$part"
  mv "$part" "$directory/$service.dump"
  echo "$service: $(wc -c <"$directory/$service.dump") bytes in $directory/$service.dump"
done
