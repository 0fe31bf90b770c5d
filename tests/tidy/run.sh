#!/usr/bin/env bash
# The tidy check: layout and arrows, format, clang-tidy. With file names: clang-tidy on those alone;
# with --fast: no clang-tidy. Exits 1 when anything is found.
set -euo pipefail
cd "$(dirname "$0")/../.."

failed=0
python3 tests/tidy/check_tree.py --self-test || failed=1
python3 tests/tidy/check_tree.py || failed=1

mapfile -t sources < <(git ls-files --cached --others --exclude-standard -- '*.h' '*.cc')
clang-format --dry-run --Werror "${sources[@]}" || failed=1

if [[ "${1:-}" != "--fast" ]]; then
  # A configuration of its own: clang can't read the other compiler's precompiled headers.
  cmake -S . -B build/tidy -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_EXPORT_COMPILE_COMMANDS=ON \
    -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON >/dev/null
  ninja -C build/tidy -j2 generated_code >/dev/null
  files=("$@")
  if ((${#files[@]} == 0)); then
    mapfile -t files < <(git ls-files -- '*.cc' ':!tests')
  fi
  printf '%s\0' "${files[@]}" |
    xargs -0 -n 4 -P 2 clang-tidy -p build/tidy --quiet 2> >(grep -v 'warnings generated' >&2) ||
    failed=1
fi

if ((failed)); then
  echo "tidy: failed"
  exit 1
fi
echo "tidy: clean"
