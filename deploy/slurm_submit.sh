#!/bin/bash
# Prepares a corpus on a Slurm cluster:  deploy/slurm_submit.sh CORPUS MODEL [SHARDS [ROUNDS]]
# A stage that looks at the whole corpus (the aligner) waits for all shards of the stages before it, so the array runs
# ROUNDS times, each when the one before is done; models without an aligner need one round.
set -euo pipefail
if (($# < 2)); then
  sed -n 2,4p "$0" >&2
  exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
export CORPUS=$1 MODEL=$2 SHARDS=${3:-64} PREPARE_ARGS=${PREPARE_ARGS:-}
rounds=${4:-2}
after=()
for ((round = 1; round <= rounds; ++round)); do
  job=$(sbatch --parsable "${after[@]}" --export=ALL --array="0-$((SHARDS - 1))" "$here/slurm_prepare.sbatch")
  after=("--dependency=afterok:${job%%;*}")
  echo "round $round of $rounds: job $job, $SHARDS tasks"
done
echo "finish: job $(sbatch --parsable "${after[@]}" --export=ALL "$here/slurm_finish.sbatch")"
