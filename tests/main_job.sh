#!/usr/bin/env bash
# The main job, shortened: trains on the shipped data, is killed in the middle of an epoch (kill -9 on
# the launcher), must leave no process behind, resumes on another number of servers, lanes and
# workers, and must end with a true ledger and a useful model.
#
# usage: tests/main_job.sh [path of the caravan executable]
set -euo pipefail
cd "$(dirname "$0")/.."

caravan="$(realpath "${1:-build/release/caravan}")"
scratch="$(mktemp -d)"
run="$scratch/run"
trap 'pkill -9 -f -- "$scratch" 2>/dev/null || true; rm -rf "$scratch"' EXIT

fail() {
  echo "main job: $1"
  for log in "$scratch"/*.log "$run"/log/*; do
    [[ -s "$log" ]] && { echo "--- ${log#"$scratch"/}"; tail -n 5 "$log"; }
  done
  exit 1
}

settings=(--set=training.epochs=2 --set=checkpoint.every_seconds=5)
"$caravan" train --job=conf/us_flights/job.txtpb --run="$run" --workers=40 --servers=4 --lanes=2 \
  "${settings[@]}" >"$scratch/train.log" 2>&1 &
launcher=$!

# A checkpoint that was taken within the first epoch, so that the kill falls among half-done blocks.
for ((waited = 0; waited < 600; ++waited)); do
  compgen -G "$run/checkpoints/*/MANIFEST" >/dev/null && break
  kill -0 "$launcher" 2>/dev/null || fail "it ended before its first checkpoint"
  sleep 0.5
done
compgen -G "$run/checkpoints/*/MANIFEST" >/dev/null || fail "no checkpoint within 5 minutes"
kill -9 "$launcher"
wait "$launcher" 2>/dev/null || true

for ((waited = 0; waited < 40; ++waited)); do
  pgrep -f -- "$run" >/dev/null || break
  sleep 0.5
done
pgrep -a -f -- "$run" && fail "these processes were left behind 20 s after the launcher was killed"
echo "main job: killed; no process left; resuming on 2 servers of 3 lanes with 25 workers"

"$caravan" train --job=conf/us_flights/job.txtpb --run="$run" --resume --workers=25 --servers=2 \
  --lanes=3 "${settings[@]}" >"$scratch/resume.log" 2>&1 || fail "the resumed run failed"
"$caravan" evaluate --run="$run" --split=test --json >"$scratch/scores.json" ||
  fail "evaluate failed"

python3 - "$scratch/scores.json" "$run/metrics.jsonl" <<'PYTHON' || fail "the result is not right"
import json
import sys

scores = json.load(open(sys.argv[1]))
nmae = scores["overall"]["nmae"]
print(f"main job: test NMAE {nmae:.4f}, SMAPE {scores['overall']['smape']:.4f} after 2 epochs")
cells = scores["cells"]
assert len(cells) == 25, f"{len(cells)} cells; 5 tasks x 5 scenarios are 25"
samples = sum(cell["samples"] for cell in cells) / 5
assert samples == 6486, f"{samples} test samples; the data set has 6486"
assert 0 < nmae < 0.30, f"NMAE {nmae}; a model that has learned is below 0.30"
PYTHON
echo "main job: done"
