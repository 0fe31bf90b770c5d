#!/usr/bin/env bash
# The way from a run to a server: trains the shipped job for a few batches, exports it both ways, and
# runs the test split in ONNX Runtime, to agree with `caravan predict` within 1e-5 relative. Likewise
# the initial state.
#
# usage: tests/onnx/parity.sh CARAVAN WRITE_ONNX_INPUTS     exit code 77: skipped, see run.sh
set -euo pipefail
caravan=$(realpath "$1")
write_inputs=$(realpath "$2")
cd "$(dirname "$0")/../.."

tests/onnx/run.sh --check
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
run=$scratch/run
"$caravan" train --job=conf/us_flights/job.txtpb --run="$run" --workers=2 --servers=1 --lanes=2 \
  --stop_after_batches=60 >"$scratch/train.log" 2>&1 || {
  tail -n 20 "$scratch/train.log"
  exit 1
}
"$write_inputs" "$run" test "$scratch/inputs"
for checkpoint in latest 0; do
  "$caravan" predict --run="$run" --split=test --checkpoint=$checkpoint --out="$scratch/p.csv"
  for place in beside inline; do
    "$caravan" export --run="$run" --checkpoint=$checkpoint --embeddings=$place \
      --out="$scratch/$place"
    tests/onnx/run.sh --export="$scratch/$place" --inputs="$scratch/inputs" \
      --predictions="$scratch/p.csv"
  done
done
