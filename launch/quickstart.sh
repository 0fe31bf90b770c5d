#!/usr/bin/env bash
# From a fresh clone to a trained model: installs what is missing, builds, imports the flights of 2001
# that ship with the project, trains M2M on them by 1 scheduler, 4 servers of 2 lanes and 40 workers,
# evaluates on the test split and exports ONNX. Run again, it goes on where it stopped.
set -euo pipefail
cd "$(dirname "$0")/.."

job=conf/us_flights/job.txtpb
run=runs/us_flights

step() { printf '\n== %s (%dm%02ds)\n' "$1" $((SECONDS / 60)) $((SECONDS % 60)); }

step "packages"
launch/install_packages.sh

step "build"
cmake --preset release >/dev/null
cmake --build --preset release --target caravan -j 2
caravan=build/release/caravan

step "import and training"
if [[ -e "$run/run_spec.pb" ]]; then
  echo "$run holds a run: going on with it (remove the folder to start anew)"
  "$caravan" train --run="$run" --resume
else
  "$caravan" train --job="$job" --run="$run" --servers=4 --lanes=2 --workers=40
fi

step "evaluation on the test split"
"$caravan" evaluate --run="$run" --split=test

step "export"
rm -rf "$run/export"
"$caravan" export --run="$run" --out="$run/export"

step "done"
checkpoint="$(ls -d "$run"/checkpoints/*/ | sort | tail -n 1)"
cat <<EOF
report      $run/report.html
checkpoint  ${checkpoint%/}
export      $run/export/model.onnx
curves      tensorboard --logdir $run/events
EOF
