#!/bin/sh
# Sets databases of the composed system back to what backup.sh wrote.
#   deploy/docker/restore.sh DIRECTORY SERVICE...|all     restores them beside the live ones, then exchanges both; what was live is kept as SERVICE_before_restore
#   deploy/docker/restore.sh --confirm SERVICE...|all     drops what was kept
# Nothing is stopped or changed before each dump has become a database. When something fails later, the databases are exchanged back.
# BACKUP_KEY_FILE or BACKUP_KEY decrypts, as in backup.sh. docs/operations.md says what follows for orders in flight, and when to name which.
set -eu
[ $# -ge 2 ] || { echo "usage: $0 DIRECTORY|--confirm all | user|order|product|delivery|orchestrator ..." >&2; exit 2; }
. "$(dirname "$0")/dumps.sh"
directory=$1
shift
all=
if [ "$*" = all ]; then
  all=yes
  set -- user order product delivery orchestrator
fi

in_kafka() {
  tool=$1
  shift
  docker compose exec -T kafka "/opt/kafka/bin/$tool" --bootstrap-server localhost:9092 "$@" </dev/null
}

# Kafka remembers which messages the group has handled; the database that is set back does not know those since the backup. So all that Kafka has
# is delivered again, and what the database does know is found in its inbox.
hand_out_again() {
  # A group whose member was killed is inactive when its session has timed out.
  for attempt in 1 2 3 4 5 6; do
    said=$(in_kafka kafka-consumer-groups.sh --group "$service" --all-topics --reset-offsets --to-earliest --execute 2>&1) || true
    case $said in *"only be reset if the group"* | *rror*) sleep 3 ;; *) return 0 ;; esac
  done
  echo "$service: its consumer group could not be set back. Kafka says:" >&2
  echo "$said" >&2
  return 1
}

# When all are set back together nobody is to hear of what has happened since. The outboxes notice that the topics are empty and fill them again
# with what the backup knows.
forget_topics() {
  for topic in $(in_kafka kafka-topics.sh --list | grep -v '^__'); do
    in_kafka kafka-topics.sh --delete --topic "$topic"
  done
}

# Gives databases other names, both in one transaction: exchange LIVE_BECOMES BECOMES_LIVE. Nobody may be connected.
exchange() {
  for name in "$service" "$2"; do
    sql postgres "select pg_terminate_backend(pid) from pg_stat_activity where datname = '$name'" >"$scratch/ended"
  done
  away=
  if exists "$service"; then away="alter database \"$service\" rename to \"$1\";"; fi
  sql postgres "begin; $away alter database \"$2\" rename to \"$service\"; commit"
}

# For whatever ends this script before all is done.
exchanged=
stopped=
give_up() {
  code=$?
  trap - EXIT
  set +e
  if [ "$code" != 0 ]; then
    for service in $exchanged; do
      if exists "${service}_before_restore"; then exchange "${service}_restoring" "${service}_before_restore"; fi
    done
    for service in $asked; do drop_database "${service}_restoring"; done
    [ -z "$stopped" ] || docker compose start $stopped
    if [ -z "$stopped" ]; then echo "Nothing was stopped or changed." >&2
    else echo "The databases are again what they were, and the services run." >&2; fi
  fi
  rm -rf "$scratch"
  exit "$code"
}

if [ "$directory" = --confirm ]; then
  for service; do
    drop_database "${service}_before_restore"
    echo "$service: what was live before the restore is dropped"
  done
  exit 0
fi

for service; do dump_of "$service" >"$scratch/$service"; done
for service; do
  docker compose up --detach --wait --no-deps --no-recreate "$service-db"
  if exists "${service}_before_restore"; then
    die "$service: what was live before the last restore is still kept; when all is well, drop it: $0 --confirm $service"
  fi
done
asked="$*"
trap give_up EXIT
for service; do make_database "$(cat "$scratch/$service")" "${service}_restoring"; done

stopped="$*"
docker compose stop "$@"
for service; do
  exchange "${service}_before_restore" "${service}_restoring"
  exchanged="$exchanged $service"
  # A backup may be older than the release.
  docker compose run --rm --no-deps -T "$service-migration" </dev/null
  if [ "$service" = user ]; then
    docker compose run --rm --no-deps -T user-migration services/user/src/rotate-keys.ts --restored </dev/null
    echo "user: all keys of access tokens are new and every session has ended, whatever the backup knew: everybody logs in again"
  elif [ -z "$all" ]; then
    hand_out_again
  fi
  echo "$service: restored from $(cat "$scratch/$service")"
done
[ -z "$all" ] || forget_topics
docker compose start "$@"
exchanged=
stopped=
echo "What was live before is kept as SERVICE_before_restore. When all is well, drop it: $0 --confirm $asked"
