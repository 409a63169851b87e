#!/usr/bin/env bash
# Configures (once) and builds one preset of CMakePresets.json, after tools/setup.sh.
#
#   tools/build.sh [PRESET [TARGET…]]
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${1:-release}
[ $# -gt 0 ] && shift
folder=build
[ "$preset" = release ] || folder=build-$preset
if [ ! -f "$folder/build.ninja" ]; then
  log=$(mktemp)
  cmake --preset "$preset" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
  rm -f "$log"
fi
# On a terminal ninja draws its own line; in a log only what went wrong, and how it ended.
if [ -t 1 ]; then
  exec ninja -C "$folder" "$@"
fi
log=$(mktemp)
if ninja -C "$folder" "$@" >"$log" 2>&1; then
  tail -n 1 "$log"
  rm -f "$log"
else
  grep -vE '^\[[0-9]+/[0-9]+\] (Building|Linking)' "$log" | tail -n 200 >&2
  exit 1
fi
