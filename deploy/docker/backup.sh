#!/bin/sh
# Backs up databases of the composed system while it runs: deploy/docker/backup.sh DIRECTORY [SERVICE...]
# Compose's own variables, such as COMPOSE_PROJECT_NAME and COMPOSE_FILE, say which system. With BACKUP_KEY_FILE, a file with a key in its first line, or
# BACKUP_KEY, the key itself, dumps are encrypted (openssl, AES-256) and called SERVICE.dump.enc. Each dump is restored on trial beside the live database,
# which takes as much room again for that time; only then it replaces the one that is there.
set -eu
[ $# -ge 1 ] || { echo "usage: $0 DIRECTORY [user|order|product|delivery|orchestrator ...]" >&2; exit 2; }
. "$(dirname "$0")/dumps.sh"
directory=$1
shift
[ $# -gt 0 ] || set -- user order product delivery orchestrator
check_services "$@"
for service; do check_tools; done

part=
trial=
clean_up() {
  [ -z "$trial" ] || { service=$trial && drop_database "${trial}_trial"; } || :
  [ -z "$part" ] || rm -f "$part"
  rm -rf "$scratch"
}
trap clean_up EXIT
mkdir -p "$directory"
for service; do
  plain=$directory/$service.dump
  if has_key; then dump=$plain.enc outdated=$plain; else dump=$plain outdated=$plain.enc; fi
  part=$dump.part
  rm -f "$part" "$scratch/undumped"
  {
    in_database pg_dump -h /var/run/postgresql -U "$service" -d "$service" --format=custom || : >"$scratch/undumped"
  } </dev/null | if has_key; then cipher -e; else cat; fi >"$part"
  [ ! -e "$scratch/undumped" ] || die "$service: pg_dump failed; what was there before is still there"
  trial=$service
  make_database "$part" "${service}_trial" || die "$service: the dump could not be restored on trial; what was there before is still there"
  drop_database "${service}_trial"
  trial=
  mv "$part" "$dump"
  part=
  rm -f "$outdated"
  echo "$service: $(wc -c <"$dump") bytes in $dump, restored on trial"
done
