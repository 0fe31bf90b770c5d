#!/usr/bin/env bash
# Real processes, really killed: the main job while its workers, servers and scheduler are killed
# (SIGKILL), held (SIGSTOP) and robbed of their disk; see faults.py.
#
# usage: tests/faults/run.sh [--scale=0.1] [--seed=1] [path of the caravan executable]
set -euo pipefail
cd "$(dirname "$0")/../.."
exec python3 tests/faults/faults.py "$@"
