#!/usr/bin/env bash
# Makes the secrets of compose.yaml, once; what is there stays.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets/headend
password() { head -c 24 /dev/urandom | base64 | tr '+/' '-_'; }
[ -s secrets/database-password ] || password >secrets/database-password
[ -s secrets/grafana-password ] || password >secrets/grafana-password
[ -s secrets/headend/broker-password ] || password >secrets/headend/broker-password
[ -s secrets/headend/database-url ] ||
  echo "postgres://lastgasp:$(cat secrets/database-password)@database:5432/lastgasp?sslmode=disable" >secrets/headend/database-url
[ -e secrets/metrics-token ] || : >secrets/metrics-token
if [ ! -s secrets/mosquitto.passwd ]; then
  command -v mosquitto_passwd >/dev/null || { echo "mosquitto_passwd is missing: apt-get install mosquitto" >&2; exit 1; }
  mosquitto_passwd -b -c secrets/mosquitto.passwd headend "$(cat secrets/headend/broker-password)"
fi
chmod 644 secrets/metrics-token secrets/mosquitto.passwd # read by the accounts of those containers; the folder stays closed
if [ "$(id -u)" -eq 0 ]; then
  chown -R 65532:65532 secrets/headend # the account in the head-end's image
else
  echo "Not root: now run  sudo chown -R 65532:65532 $PWD/secrets/headend  (the account in the head-end's image)"
fi
