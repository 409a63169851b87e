#!/usr/bin/env bash
# The main job on real speech: recordings → corpus → checked → prepared → trained → spoken → scored → demo/report.html.
# Every step finds what is done already, so an interrupted demo goes on where it stopped.
set -euo pipefail
cd "$(dirname "$0")/.."
timbre=build/timbre
work=demo/work
mkdir -p "$work/packages"
steps=9
step=0
say_step() { step=$((step + 1)); printf '\n[%d/%d] %s\n' "$step" "$steps" "$*" >&2; }
began=$(date +%s)

say_step "Recordings: Allison Smith's prompts for Asterisk (Debian packages, CC BY-SA 3.0), unpacked but not installed"
if ! apt-cache show asterisk-core-sounds-en >/dev/null 2>&1; then
  # A machine that was never updated knows no packages; only root may refresh the lists.
  if [ "$(id -u)" = 0 ]; then apt-get update -q >/dev/null; else sudo -n apt-get update -q >/dev/null; fi ||
    { echo "error: no list of Debian packages on this machine" >&2; echo "next: sudo apt-get update" >&2; exit 4; }
fi
for package in asterisk-core-sounds-en asterisk-core-sounds-en-g722; do
  if ! ls "$work/packages/${package}_"*.deb >/dev/null 2>&1; then
    (cd "$work/packages" && apt-get download -q "$package" >download.log 2>&1) || { cat "$work/packages/download.log" >&2; echo "error: cannot download the Debian package $package" >&2; exit 4; }
  fi
done
$timbre import asterisk "$work/packages/"*.deb --out "$work/en" --language en

say_step "Doctor: what is wrong with this data"
$timbre check "$work/en" --json > "$work/check.json" || { $timbre check "$work/en" || true; exit 3; }
$timbre check "$work/en"
$timbre stats "$work/en" --json > "$work/stats.json"
$timbre stats "$work/en"

say_step "Forty prompts are put aside, never to be trained on"
[ -f "$work/heldout.txt" ] || $timbre heldout "$work/en" --count 40 --seed 17 -o "$work/heldout.txt"

say_step "Phonemes, durations (aligned here, by no external model), mels, pitch, energy"
$timbre prepare "$work/en" --for recipes/demo.yaml

say_step "Training"
if [ -f "$work/run/run.yaml" ]; then
  $timbre train --continue "$work/run"
else
  $timbre train recipes/demo.yaml --out "$work/run"
fi
$timbre equip "$work/run" --vocoder voices/small_vocoder

say_step "Saying three sentences that nobody ever recorded"
mkdir -p "$work/said"
number=0
while IFS= read -r sentence; do
  number=$((number + 1))
  $timbre say "$sentence" --voice "$work/run" -o "$work/said/$number.wav" --timestamps "$work/said/$number.json"
done < demo/sentences.txt

say_step "Scoring: what a recogniser with a closed grammar understands of the forty prompts"
$timbre score "$work/run" --corpus "$work/en" --keep "$work/clips" -o "$work/score.json"

say_step "Report"
$timbre report "$work/run" --corpus "$work/en" --score "$work/score.json" --clips "$work/clips" --said "$work/said" \
  --check "$work/check.json" -o demo/report.html

say_step "Done after $((($(date +%s) - began) / 60)) minutes: open demo/report.html in a browser"
