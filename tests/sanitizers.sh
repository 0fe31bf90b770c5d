#!/usr/bin/env bash
# The tests, short runs of whole clusters among them, in a build with AddressSanitizer and
# UndefinedBehaviorSanitizer (asan), or with ThreadSanitizer (tsan). Of the simulation, which has one
# thread and is slow so, asan runs the first slice of seeds.
#
# usage: tests/sanitizers.sh asan|tsan
set -euo pipefail
cd "$(dirname "$0")/.."
case "${1:-}" in
  asan) skipped='SeedsTest.EveryRunIsExact/[1-9]|Planted|portable_instructions|^onnx_' ;;
  tsan) skipped='SeedsTest|Planted|^DeathTest|portable_instructions|^onnx_' ;;
  *) echo "usage: tests/sanitizers.sh asan|tsan" >&2; exit 2 ;;
esac
# GCC 12 misaligns vectors of 64 bytes in the frames that finding use after return takes.
export ASAN_OPTIONS=detect_stack_use_after_return=0
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
# ZeroMQ, Protobuf, RocksDB and Abseil are not built for ThreadSanitizer.
export TSAN_OPTIONS=ignore_noninstrumented_modules=1:halt_on_error=1:second_deadlock_stack=1
cmake --preset "$1"
cmake --build --preset "$1"
ctest --test-dir "build/$1" -j1 --output-on-failure -E "$skipped"
