# Functions of backup.sh and restore.sh, which source this file: dumps of databases, encrypted or not, and databases made from them.
# $service is the one that is worked on.

# What is written is for its owner only, the directory as well when it is made here.
umask 077

die() {
  echo "$*" >&2
  exit 1
}

case ${BACKUP_KEY:+variable}${BACKUP_KEY_FILE:+file} in
  "" | variable) ;;
  file) [ -n "$(head -n 1 "$BACKUP_KEY_FILE" 2>/dev/null)" ] || die "BACKUP_KEY_FILE: $BACKUP_KEY_FILE is missing or empty; write the key into its first line" ;;
  *) die "BACKUP_KEY and BACKUP_KEY_FILE are both set: keep one of them" ;;
esac

has_key() { [ -n "${BACKUP_KEY:-}${BACKUP_KEY_FILE:-}" ]; }
if has_key && ! command -v openssl >/dev/null; then die "there is a key, but no openssl here to encrypt or decrypt with: install it"; fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# So that what is to be done at the end is done then, too.
trap 'exit 130' INT
trap 'exit 143' TERM

# openssl with the key from outside, which stands on no command line: $1 is -e or -d.
cipher() {
  if [ -n "${BACKUP_KEY_FILE:-}" ]; then pass=file:$BACKUP_KEY_FILE; else pass=env:BACKUP_KEY; fi
  openssl enc "$1" -aes-256-cbc -pbkdf2 -iter 600000 -md sha256 -salt -pass "$pass"
}

# The file of a service's dump in $directory.
dump_of() {
  plain=$directory/$1.dump
  if [ -s "$plain" ] && [ -s "$plain.enc" ]; then die "$plain and $plain.enc are both there: remove the one that is not to be restored"; fi
  if [ -s "$plain.enc" ]; then
    has_key || die "$plain.enc is encrypted: set BACKUP_KEY_FILE to a file with its key, or BACKUP_KEY to the key"
    echo "$plain.enc"
  elif [ -s "$plain" ]; then
    echo "$plain"
  else
    die "$plain is missing or empty; backup.sh writes it"
  fi
}

in_database() { docker compose exec -T "$service-db" "$@"; }
# Statements in one session, each as its own, until one fails; the database to be connected to comes first.
sql() {
  database=$1
  shift
  for statement; do
    set -- "$@" -c "$statement"
    shift
  done
  in_database psql -q -A -t -h /var/run/postgresql -U "$service" -d "$database" -v ON_ERROR_STOP=1 \
    -c "set client_min_messages = warning" "$@" </dev/null
}

# Refuses a name that is not a service with a database, and a name given twice.
check_services() {
  left=" user order product delivery orchestrator "
  for service; do
    case $left in
      *" $service "*) left=${left%%" $service "*}" "${left#*" $service "} ;;
      *) die "$service: name each of user, order, product, delivery, orchestrator once at most" ;;
    esac
  done
}

# pg_dump refuses a server that is newer than itself, and pg_restore a dump of a newer pg_dump.
check_tools() {
  versions=$(in_database sh -c 'pg_dump --version && pg_restore --version' </dev/null) || die "$service: pg_dump and pg_restore do not run in $service-db; does it run?"
  server=$(sql postgres "show server_version")
  for found in $(echo "$versions" | sed 's/^\([^ ]*\) [^0-9]*\([0-9]*\).*/\1:\2/'); do
    [ "${found#*:}" -ge "${server%%[!0-9]*}" ] ||
      die "$service: in $service-db ${found%:*} is of PostgreSQL ${found#*:}, the server of $server; give it an image in which both are of one version"
  done
}

# Gives a dump, decrypted, to a command on its standard input. It fails when either does. A dump is nowhere on the disk in the clear.
feed() {
  fed=$1
  shift
  rm -f "$scratch/unread"
  {
    case ${fed##*/} in
      *.enc*) cipher -d <"$fed" ;;
      *) cat "$fed" ;;
    esac || : >"$scratch/unread"
  } | "$@" && [ ! -e "$scratch/unread" ]
}

# Makes a database of a dump, so that it is known whether the dump is whole and the service's: make_database DUMP DATABASE
# The migration step grants the rights of the service's role, which a server whose data was lost does not know yet.
make_database() {
  feed "$1" in_database pg_restore --list >"$scratch/list" ||
    { echo "$1 cannot be read: it is damaged, no dump of pg_dump, or its key is another one" >&2; return 1; }
  grep -q "^; *dbname: $service\$" "$scratch/list" || { echo "$1 is not a dump of the database of $service" >&2; return 1; }
  sql postgres "drop database if exists \"$2\" with (force)" "create database \"$2\"" || return 1
  feed "$1" in_database pg_restore -h /var/run/postgresql -U "$service" -d "$2" --exit-on-error --single-transaction --no-privileges ||
    { echo "$1 cannot be restored; its end may be missing" >&2; return 1; }
  [ "$(sql "$2" 'select count(*) > 0 from drizzle.__drizzle_migrations')" = t ] ||
    { echo "$1 holds no migration: it is of a database that no service has used" >&2; return 1; }
}

drop_database() { sql postgres "drop database if exists \"$1\" with (force)"; }
exists() { [ "$(sql postgres "select count(*) from pg_database where datname = '$1'")" = 1 ]; }
