#!/bin/sh
# Sets databases of the composed system back to what backup.sh wrote.
#   deploy/docker/restore.sh DIRECTORY SERVICE...|all     restores them beside the live ones, then exchanges both; what was live is kept as SERVICE_before_restore
#   deploy/docker/restore.sh --confirm SERVICE...|all     drops what was kept
# Nothing is stopped or changed before each dump has become a database that the service can start on. When something fails after that and before the
# services start, the databases are exchanged back. BACKUP_KEY_FILE or BACKUP_KEY decrypts, as in backup.sh. docs/operations.md says what follows for orders in flight, and when to name which.
set -eu
. "$(dirname "$0")/dumps.sh"
[ $# -ge 2 ] || { echo "usage: $0 DIRECTORY|--confirm all | user|order|product|delivery|orchestrator ..." >&2; exit 2; }
directory=$1
shift
all=
if [ "$*" = all ]; then
  all=yes
  set -- user order product delivery orchestrator
fi
check_services "$@"

in_kafka() {
  tool=$1
  shift
  docker compose exec -T kafka sh -c 'umask 077 && cat >/tmp/operator.properties <<PROPERTIES && exec "/opt/kafka/bin/$0" --bootstrap-server kafka:9092 --command-config /tmp/operator.properties "$@"
security.protocol=SASL_PLAINTEXT
sasl.mechanism=PLAIN
sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="operator" password="$OPERATOR_PASSWORD";
PROPERTIES
' "$tool" "$@" </dev/null
}

# Kafka remembers which messages the group has handled; the database that is set back does not know those since the backup. So all that Kafka has
# is delivered again, and what the database does know is found in its inbox.
hand_out_again() {
  # A group whose member was killed is inactive when its session has timed out, which takes 6 s.
  for attempt in 1 2 3 4; do
    if said=$(in_kafka kafka-consumer-groups.sh --group "$service" --all-topics --reset-offsets --to-earliest --execute 2>&1); then
      case $said in *"only be reset if the group"* | *rror*) ;; *) return 0 ;; esac
    fi
    sleep 3
  done
  echo "$service: its consumer group could not be set back; end whatever else consumes as group $service. Kafka says:" >&2
  echo "$said" >&2
  return 1
}

# When all are set back together nobody is to hear of what has happened since. The outboxes notice that the topics are empty and fill them again
# with what the backup knows.
forget_topics() {
  in_kafka kafka-topics.sh --list >"$scratch/topics"
  for topic in $(grep -v '^__' "$scratch/topics"); do
    in_kafka kafka-topics.sh --delete --topic "$topic"
  done
}

# Runs a program of the service on another database of its server: on_database DATABASE FILE [ARGUMENT...]
on_database() {
  docker compose run --rm --no-deps -T --entrypoint sh "$service-migration" \
    -c 'on() { server=${2%%\?*} && export "$1=${server%/*}/$0${2#"$server"}"; } &&
      on DATABASE_URL "$DATABASE_URL" && on MIGRATION_DATABASE_URL "$MIGRATION_DATABASE_URL" && exec bun "$@"' "$@" </dev/null
}

# Renames two databases, both or neither: exchange LIVE_BECOMES BECOMES_LIVE. It ends the sessions in them and locks them out in one message to the
# server, so that no client reconnects in between. A session that does not end, or a transaction that holds a lock on a database, has 5 s each time.
exchange() {
  for attempt in 1 2 3; do
    if sql postgres "set lock_timeout = '5s'" "select pg_terminate_backend(pid) from pg_stat_activity where datname in ('$service', '$2');
      alter database \"$service\" rename to \"$1\"; alter database \"$2\" rename to \"$service\"" >"$scratch/ended"; then
      return 0
    fi
  done
  echo "$service: the databases of $service-db could not be renamed; end the session or the transaction that blocks it" >&2
  return 1
}

phase=checks
beside=
exchanging=

exchange_back() {
  stuck=
  for service in $exchanging; do
    # A signal can come before the exchange or right after it, so ask the server.
    exists "${service}_restoring" || exchange "${service}_restoring" "${service}_before_restore" || stuck="$stuck $service"
  done
  if [ -z "$stuck" ]; then
    for service in $beside; do drop_database "${service}_restoring"; done
    if docker compose start $beside; then echo "The databases are again what they were, and the services run."
    else echo "The databases are again what they were, but not all services run; when they can: docker compose start$beside"; fi
    return
  fi
  for service in $stuck; do
    echo "$service: could not be exchanged back. If $service-db has a database ${service}_before_restore, that is what was live: in its psql, connected to postgres,"
    echo "  begin; alter database \"$service\" rename to \"${service}_restoring\"; alter database \"${service}_before_restore\" rename to \"$service\"; commit;"
  done
  echo "The services stay stopped; when that is done: docker compose start$beside"
}

# Runs when a step fails or a signal ends this script.
give_up() {
  code=$?
  trap - EXIT
  trap '' INT TERM
  set +e
  case $phase in
    checks)
      for service in $beside; do drop_database "${service}_restoring"; done
      echo "Nothing was stopped or changed." >&2
      ;;
    exchange) exchange_back >&2 ;;
    start) echo "The databases are restored, but not all services run; when they can: docker compose start$beside" >&2 ;;
  esac
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

trap give_up EXIT
for service; do dump_of "$service" >"$scratch/$service"; done
# The accounts use no Kafka.
case $* in user) needed= ;; *) needed=kafka ;; esac
for service; do needed="$needed $service-db"; done
docker compose up --detach --wait --no-deps --no-recreate $needed
for service; do
  check_tools
  if exists "${service}_before_restore"; then
    die "$service: what was live before the last restore is still kept; when all is well, drop it: $0 --confirm $service"
  fi
  exists "$service" || sql postgres "create database \"$service\""
done
for service; do
  beside="$beside $service"
  make_database "$(cat "$scratch/$service")" "${service}_restoring"
  # A backup may be older than the release.
  on_database "${service}_restoring" "services/$service/src/migrate.ts"
  if [ "$service" = user ]; then on_database user_restoring services/user/src/rotate-keys.ts --restored; fi
done

phase=exchange
docker compose stop "$@"
for service; do
  exchanging="$exchanging $service"
  exchange "${service}_before_restore" "${service}_restoring"
done
for service; do
  if [ "$service" != user ] && [ -z "$all" ]; then hand_out_again; fi
done
if [ -n "$all" ]; then forget_topics; fi

# From here on services write to what was restored, so exchanging back would lose that.
phase=start
docker compose start "$@"
phase=done
for service; do
  echo "$service: restored from $(cat "$scratch/$service")"
  if [ "$service" = user ]; then
    echo "user: all keys of access tokens are new and every session has ended, whatever the backup knew: everybody logs in again"
  fi
done
echo "What was live before is kept as SERVICE_before_restore. When all is well, drop it: $0 --confirm $*"
