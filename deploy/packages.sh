#!/usr/bin/env bash
# Installs Debian packages that are missing, a line for each, without letting them start services of their own.
# Arguments: package:file, where the file (a glob) tells that the package is there.
set -eu
missing=()
for argument in "$@"; do
  package=${argument%%:*} file=${argument#*:}
  # shellcheck disable=SC2086 # the glob is meant to expand
  ls $file >/dev/null 2>&1 || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0
if ! command -v apt-get >/dev/null; then
  echo "Missing: ${missing[*]}. This machine has no apt-get: install them by its own means, then run make again." >&2
  exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "Missing: ${missing[*]}. As root: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
log=$(mktemp)
policy=/usr/sbin/policy-rc.d
made_policy=
clean() { [ -z "$made_policy" ] || "${as_root[@]}" rm -f "$policy"; rm -f "$log"; }
trap clean EXIT
if [ ! -e "$policy" ]; then # Debian's way to say: install, but start nothing
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
  made_policy=yes
fi
updated=
for package in "${missing[@]}"; do
  echo "Installing $package"
  if [ -z "$updated" ]; then
    "${as_root[@]}" apt-get update >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
    updated=yes
  fi
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$package" >"$log" 2>&1 ||
    { cat "$log" >&2; exit 1; }
done
