#!/bin/sh
# A PostgreSQL server for scenarios, thrown away at its end: `postgres.sh HOST:PORT`. From Debian's
# package; as root it becomes the user postgres, which the server insists on.
set -eu
port=${1##*:}
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
[ -x "$bin/postgres" ] || { echo "no PostgreSQL is installed: apt-get install postgresql"; exit 1; }
as=
[ "$(id -u)" != 0 ] || as='setpriv --reuid=postgres --regid=postgres --init-groups'
folder=$($as mktemp -d /tmp/assay-pg-XXXXXX)
server=
end() {
  # SIGINT ends it without waiting for its clients to leave.
  [ -z "$server" ] || { kill -INT "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; }
  rm -rf "$folder"
  exit 0
}
trap end TERM INT
cd "$folder"
$as "$bin/initdb" -D "$folder/data" -U platform_owner -A trust --no-sync -E UTF8 >/dev/null
$as "$bin/postgres" -D "$folder/data" -p "$port" -k "$folder" -c listen_addresses=127.0.0.1 \
  -c fsync=off -c full_page_writes=off &
server=$!
wait "$server"
rm -rf "$folder"
