#!/usr/bin/env bash
# Restores what backup.sh wrote into an empty database: restore.sh URL_FILE DUMP
#
# The database must exist and be empty: nothing is overwritten. Where the dump holds TimescaleDB, the server needs the same version of
# it, preloaded, and the account must be a superuser while this runs. Stop the head-end first; start it afterwards.
set -eu -o pipefail
[ $# -eq 2 ] || { echo "usage: restore.sh URL_FILE DUMP" >&2; exit 64; }
url=$(cat "$1") dump=$2
export PGAPPNAME="lastgasp restore"
if [ -e "$dump.sha256" ]; then
  (cd "$(dirname "$dump")" && sha256sum --quiet -c "$(basename "$dump").sha256") || { echo "$dump is damaged: its SHA-256 is another" >&2; exit 1; }
else
  echo "$dump.sha256 is not there: whether the file is whole is not known" >&2
fi
tables=$(psql "$url" -XAtqc "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p')")
[ "$tables" = 0 ] || { echo "the database holds $tables tables already: restore into an empty one (createdb), so that nothing is lost" >&2; exit 1; }
listing=$(pg_restore --list "$dump")
timescale=
if grep -q 'EXTENSION - timescaledb' <<<"$listing"; then
  timescale=yes
  psql "$url" -Xq -v ON_ERROR_STOP=1 -c "CREATE EXTENSION IF NOT EXISTS timescaledb" -c "SELECT timescaledb_pre_restore()" >/dev/null
fi
status=0
# The extension is there: making it again is the one error that is no fault.
list=$(mktemp)
trap 'rm -f "$list"' EXIT
grep -vE 'EXTENSION - timescaledb|COMMENT - EXTENSION timescaledb' <<<"$listing" >"$list"
pg_restore --exit-on-error --no-owner --no-privileges --use-list="$list" --dbname="$url" "$dump" || status=$?
if [ -n "$timescale" ]; then
  psql "$url" -Xq -v ON_ERROR_STOP=1 -c "SELECT timescaledb_post_restore()" >/dev/null || status=$?
fi
[ "$status" -eq 0 ] || { echo "the restore failed: drop the database, find the reason above, and begin anew" >&2; exit 1; }
# Transactions have other numbers here: the detector reads its evidence again by time instead of going on behind a snapshot.
psql "$url" -Xq -v ON_ERROR_STOP=1 -c "UPDATE detection SET cursor = ''" -c "ANALYZE"
echo "restored; headend check says whether it is whole, headend migrate brings an older schema up to date"
