#!/bin/sh
# Sets databases of the composed system back to what backup.sh wrote: deploy/docker/restore.sh DIRECTORY SERVICE...|all
# What is in such a database now is gone. docs/operations.md says what follows for orders in flight, and when to name which.
set -eu
[ $# -ge 2 ] || { echo "usage: $0 DIRECTORY all | user|order|product|delivery|orchestrator ..." >&2; exit 2; }
directory=$1
shift
all=
if [ "$*" = all ]; then
  all=yes
  set -- user order product delivery orchestrator
fi
for service; do
  [ -s "$directory/$service.dump" ] || { echo "$directory/$service.dump is missing or empty; backup.sh writes it" >&2; exit 1; }
done

in_database() { docker compose exec -T "$service-db" "$@"; }
in_kafka() {
  tool=$1
  shift
  docker compose exec -T kafka "/opt/kafka/bin/$tool" --bootstrap-server localhost:9092 "$@"
}

# Kafka remembers which messages the group has handled; the database that is set back does not know those since the backup. So all that Kafka has
# is delivered again, and what the database does know is found in its inbox.
hand_out_again() {
  # A group whose member was killed is inactive when its session has timed out.
  for attempt in 1 2 3 4 5 6; do
    said=$(in_kafka kafka-consumer-groups.sh --group "$service" --all-topics --reset-offsets --to-earliest --execute 2>&1) || true
    case $said in *"only be reset if the group"* | *rror*) sleep 3 ;; *) return 0 ;; esac
  done
  echo "$service: its consumer group could not be set back, and what was stopped stays stopped. Kafka says:" >&2
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

docker compose stop "$@"
for service; do
  docker compose up --detach --wait --no-deps --no-recreate "$service-db"
  in_database psql -q -h /var/run/postgresql -U "$service" -d postgres -v ON_ERROR_STOP=1 \
    -c "drop database if exists \"$service\" with (force)" -c "create database \"$service\""
  in_database pg_restore -h /var/run/postgresql -U "$service" -d "$service" --exit-on-error --single-transaction \
    <"$directory/$service.dump"
  # A backup may be older than the release.
  docker compose run --rm --no-deps -T "$service-migration"
  [ -n "$all" ] || [ "$service" = user ] || hand_out_again
  echo "$service: restored from $directory/$service.dump"
done
[ -z "$all" ] || forget_topics
docker compose start "$@"
