#!/usr/bin/env bash
# Runs compare.mjs on its arguments, installing ONNX Runtime from npm first. Exit code 77 (skipped)
# where there is no node, or npm cannot be reached and nothing was installed before; not in CI, where
# CARAVAN_REQUIRE_NPM=1 makes that a failure.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

skip() {
  echo "skipped: $1"
  if [[ "${CARAVAN_REQUIRE_NPM:-0}" == 1 ]]; then exit 1; fi
  exit 77
}

command -v node >/dev/null || skip "node is not installed"
if ! (cd "$here" && node -e "await import('onnxruntime-node')" --input-type=module) 2>/dev/null; then
  command -v npm >/dev/null || skip "npm is not installed"
  # The package would fetch GPU libraries when installed; its CPU library is in it.
  (cd "$here" && ONNXRUNTIME_NODE_INSTALL=skip timeout 300 \
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >&2 ||
    skip "npm cannot install onnxruntime-node"
fi
exec node "$here/compare.mjs" "$@"
