#!/usr/bin/env bash
# What durability costs a training: the first batches of the shipped us_flights job, in turns with the
# push log and a checkpoint every few seconds (PROCESS), and with neither (CHECKPOINT, and one
# checkpoint, at the end). Prints seconds by the clock and seconds of processor time of all processes,
# those of importing taken off, and the median ratios. Processor time is what remains comparable where
# the machine is shared.
#
# usage: tests/durability_cost.sh [path of the caravan executable] [batches] [rounds] [checkpoint every s]
set -euo pipefail
cd "$(dirname "$0")/.."

caravan="$(realpath "${1:-build/release/caravan}")"
batches="${2:-600}"
rounds="${3:-5}"
every_s="${4:-4}"
job=conf/us_flights/job.txtpb
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

# Runs caravan; prints its seconds by the clock and of processor time.
timed() {
  local TIMEFORMAT='%R %U %S'
  { time "$caravan" "$@" >"$scratch/out" 2>"$scratch/err" || { cat "$scratch/err" >&4; exit 1; }; } \
    4>&2 2>&1 | awk '{ print $1, $2 + $3 }'
}
train() {
  rm -rf "$scratch/run"
  timed train --job="$job" --run="$scratch/run" --servers=2 --lanes=1 --workers=2 \
    --stop_after_batches="$batches" "$@"
}
median() { sort -n | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'; }

import="$(timed import --job="$job" --out="$scratch/data")"
for ((round = 1; round <= rounds; ++round)); do
  none="$(train --set=cluster.durability=CHECKPOINT --set=checkpoint.every_epochs=0)"
  both="$(train --set=cluster.durability=PROCESS --set=checkpoint.every_seconds="$every_s")"
  echo "$import $none $both" | awk -v batches="$batches" '{
    printf "without: %.1f s, %.1f s of processors   with: %.1f s, %.1f s   %.4f %.4f\n",
           $3 - $1, $4 - $2, $5 - $1, $6 - $2, ($3 - $1) / ($5 - $1), ($4 - $2) / ($6 - $2) }'
done | tee "$scratch/rounds"
clock="$(awk '{ print $(NF - 1) }' "$scratch/rounds" | median)"
work="$(awk '{ print $NF }' "$scratch/rounds" | median)"
echo "$clock $work" | awk '{
  printf "throughput with log and checkpoints: %.1f %% by the clock, %.1f %% by processor time\n",
         100 * $1, 100 * $2 }'
