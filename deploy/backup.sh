#!/usr/bin/env bash
# Backs the head-end's database up into a folder: backup.sh URL_FILE FOLDER
#
# URL_FILE holds the address of the database (database.url_file). Writes FOLDER/lastgasp-TIME.dump (pg_dump's custom format, one
# consistent snapshot, while the head-end runs) and a SHA-256 beside it, both under their names only when they are whole; keeps the
# last KEEP (14). Notes the time in the database, where `headend check` looks. restore.sh is the way back.
set -eu -o pipefail
[ $# -eq 2 ] || { echo "usage: backup.sh URL_FILE FOLDER" >&2; exit 64; }
url=$(cat "$1") folder=$2 keep=${KEEP:-14}
umask 077
mkdir -p "$folder"
name=lastgasp-$(date -u +%Y%m%dT%H%M%SZ).dump
part=$folder/.$name.part
trap 'rm -f "$part"' EXIT
export PGAPPNAME="lastgasp backup"
begun=$(psql "$url" -XAtqc "SELECT now()")
pg_dump --format=custom --compress="${COMPRESS:-3}" --no-owner --no-privileges --file="$part" --dbname="$url"
pg_restore --list "$part" >/dev/null # it can be read again
sync "$part"
(cd "$folder" && mv ".$name.part" "$name" && sha256sum "$name" >"$name.sha256")
psql "$url" -Xq -v ON_ERROR_STOP=1 -v begun="$begun" >/dev/null <<'SQL'
INSERT INTO setting (name, value) VALUES ('backup', :'begun') ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value;
SQL
ls -1t "$folder"/lastgasp-*.dump | tail -n +$((keep + 1)) | while read -r old; do rm -f "$old" "$old.sha256"; done
echo "$folder/$name"
