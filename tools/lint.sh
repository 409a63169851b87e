#!/usr/bin/env bash
# Formatting, the short clang-tidy list over the torch-free half, and the tree's own rules. Exit code 1 when one does not hold.
#
#   tools/lint.sh [FILE.cpp …]     clang-tidy looks at these alone
set -uo pipefail
cd "$(dirname "$0")/.."
bad=0

for check in layers lengths docs; do
  python3 "tools/check_$check.py" || bad=1
done

unformatted=$(git ls-files -z '*.cpp' '*.h' | xargs -0 -r clang-format --dry-run 2>&1 | sed -nE 's/^([^:]+):[0-9]+:[0-9]+: warning: code should be clang-formatted.*/\1/p' | sort | uniq -c)
if [ -n "$unformatted" ]; then
  echo "not formatted (places, file); make format does it:"
  echo "$unformatted"
  bad=1
fi

# clang-tidy parses each file as the compiler would: the commands come from a configured build. LibTorch's headers would take
# minutes and are not ours.
cmake --preset release >/dev/null || exit 1  # a file it has no command for would be parsed as the nearest test is
files=("$@")
[ ${#files[@]} -gt 0 ] || mapfile -t files < <(git ls-files 'src/*.cpp' | grep -vE '_test\.cpp$|^src/(nn|batch|train)/|/(model|recipe|parity|register_torch)[a-z0-9_]*\.cpp$|_torch\.cpp$')
printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -n 4 clang-tidy --quiet -p build 2>/dev/null | tee /tmp/timbre-tidy.$$ 
grep -qE '(warning|error):' /tmp/timbre-tidy.$$ && bad=1
rm -f /tmp/timbre-tidy.$$
exit "$bad"
