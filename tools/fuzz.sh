#!/usr/bin/env bash
# Runs the libFuzzer targets one after the other under AddressSanitizer and UndefinedBehaviorSanitizer, after tools/setup.sh --fuzz.
# A line a target: how many inputs it ran, how many places of the code they reached, what was found. Exit code 1 when something was.
#
#   tools/fuzz.sh [SECONDS [TARGET…]]     60 seconds each, and all targets, when not given
#
# New inputs are kept in build-fuzz/found/<target>/ and used again by the next call; an input that breaks something lies in
# build-fuzz/found/broken/. Once its cause is mended it goes into fuzz/corpus/<target>/ under a name that says what it is.
set -uo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
[ $# -gt 0 ] && shift
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(find fuzz -maxdepth 1 -name '*_fuzz.cpp' -printf '%f\n' | sed 's/_fuzz\.cpp$//' | sort)
tools/build.sh fuzz "${targets[@]/#/fuzz_}" || exit 1

bad=0
found=build-fuzz/found
mkdir -p "$found/broken"
for target in "${targets[@]}"; do
  mkdir -p "$found/$target"
  log=$found/$target.log
  "build-fuzz/fuzz/fuzz_$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=3000 -malloc_limit_mb=1500 -print_final_stats=1 \
    -artifact_prefix="$found/broken/$target-" "$found/$target" "fuzz/corpus/$target" >"$log" 2>&1
  code=$?
  inputs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  reached=$(sed -nE 's/.* cov: ([0-9]+) .*/\1/p' "$log" | tail -n 1)
  printf '%-16s %9s inputs, %5s places reached' "$target" "${inputs:-0}" "${reached:-0}"
  if [ "$code" -eq 0 ]; then
    printf '\n'
  else
    bad=1
    printf ', BROKEN: %s (%s)\n' "$(grep -m 1 -E 'SUMMARY|what\(\):' "$log" | sed 's/^ *//')" "$log"
  fi
done
exit "$bad"
