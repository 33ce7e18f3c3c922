#!/usr/bin/env bash
# Says on which of the two engines the store's tests have run on this machine.
set -eu
if ls /usr/lib/postgresql/*/lib/timescaledb.so >/dev/null 2>&1; then
  echo "Store tested on both engines: timescale and postgres."
else
  echo "################################################################################"
  echo "# HALF OF THE STORE TESTS DID NOT RUN: this server has no TimescaleDB, so only"
  echo "# the engine postgres (native partitions) was tested."
  echo "################################################################################"
fi
