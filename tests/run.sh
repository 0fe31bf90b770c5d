#!/usr/bin/env bash
# Installs what is missing, builds everything and runs every test; closes with ctest's summary.
set -euo pipefail
cd "$(dirname "$0")/.."

launch/install_packages.sh --developer
cmake --preset release >/dev/null
cmake --build --preset release -j 2
ctest --preset release
