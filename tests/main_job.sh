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

# Prints the processes of the job: all that carry its mark in their environment, which whoever is
# started by one of them inherits.
mark="CARAVAN_MAIN_JOB=$scratch"
job_processes() {
  local environment
  for environment in /proc/[0-9]*/environ; do
    if grep -qsxzF -- "$mark" "$environment"; then basename "${environment%/environ}"; fi
  done
}
caravan() { env "$mark" "$caravan" "$@"; }

clean_up() {
  local processes
  mapfile -t processes < <(job_processes)
  if ((${#processes[@]} > 0)); then kill -9 "${processes[@]}" 2>/dev/null || true; fi
  # A launcher that is killed cannot take its folder of sockets along.
  if [[ -n "${sockets:-}" ]]; then rm -rf "$sockets"; fi
  rm -rf "$scratch"
}
sockets=
trap clean_up EXIT

fail() {
  echo "main job: $1"
  for log in "$scratch"/*.log "$run"/log/*; do
    [[ -s "$log" ]] && { echo "--- ${log#"$scratch"/}"; tail -n 5 "$log"; }
  done
  exit 1
}

settings=(--set=training.epochs=2 --set=checkpoint.every_seconds=5)
env "$mark" "$caravan" train --job=conf/us_flights/job.txtpb --run="$run" --workers=40 --servers=4 \
  --lanes=2 "${settings[@]}" >"$scratch/train.log" 2>&1 &
launcher=$!

# A checkpoint that was taken within the first epoch, so that the kill falls among half-done blocks.
for ((waited = 0; waited < 600; ++waited)); do
  compgen -G "$run/checkpoints/*/MANIFEST" >/dev/null && break
  kill -0 "$launcher" 2>/dev/null || fail "it ended before its first checkpoint"
  sleep 0.5
done
compgen -G "$run/checkpoints/*/MANIFEST" >/dev/null || fail "no checkpoint within 5 minutes"
mapfile -t processes < <(job_processes)
((${#processes[@]} > 6)) || fail "${#processes[@]} processes; launcher, scheduler, 4 servers, workers"
sockets="$(for process in "${processes[@]}"; do tr '\0' '\n' <"/proc/$process/cmdline" || true; done |
  sed -n 's|^--listen=ipc://\(/tmp/caravan-.*\)/scheduler$|\1|p')"
[[ -d "$sockets" ]] || fail "no folder of sockets found in the scheduler's command line"
kill -9 "$launcher"
wait "$launcher" 2>/dev/null || true

for ((waited = 0; waited < 40; ++waited)); do
  mapfile -t left < <(job_processes)
  ((${#left[@]} == 0)) && break
  sleep 0.5
done
((${#left[@]} == 0)) ||
  fail "processes ${left[*]} were left behind 20 s after the launcher was killed"
echo "main job: killed; none of ${#processes[@]} processes left; resuming on 2 servers of 3 lanes" \
  "with 25 workers"

epochs="$(grep -c '"kind":"epoch"' "$run/metrics.jsonl" || true)"
((epochs < 2)) || fail "all epochs were over before the kill; nothing is left to resume"

caravan train --job=conf/us_flights/job.txtpb --run="$run" --resume --workers=25 --servers=2 \
  --lanes=3 "${settings[@]}" >"$scratch/resume.log" 2>&1 || fail "the resumed run failed"
caravan evaluate --run="$run" --split=test --json >"$scratch/scores.json" ||
  fail "evaluate failed"
mapfile -t left < <(job_processes)
((${#left[@]} == 0)) || fail "processes ${left[*]} were left behind by the resumed run"

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
lines = [json.loads(line) for line in open(sys.argv[2])]
epochs = {line["epoch"]: line for line in lines if line["kind"] == "epoch"}
assert sorted(epochs) == [0, 1], f"the ledger has epochs {sorted(epochs)}; the job has 0 and 1"
for number, epoch in epochs.items():
    expected = epoch["ledger_expected"]
    assert expected > 0 and epoch["ledger"], f"epoch {number} has an empty ledger"
    wrong = [applied for applied in epoch["ledger"] if applied != expected]
    assert not wrong, f"epoch {number}: shards applied {wrong} samples; the data set has {expected}"
    print(f"main job: epoch {number}: {len(epoch['ledger'])} shards applied {expected} samples each")
PYTHON
echo "main job: done"
