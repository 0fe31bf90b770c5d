#!/usr/bin/env bash
# Installs what building and running Caravan needs, from Debian's packages; with --developer also
# what its tests and checks need. Asks for nothing where all of it is there already.
#
# usage: launch/install_packages.sh [--developer]
set -euo pipefail

packages=(
  g++ cmake ninja-build ccache pkg-config git ca-certificates
  libzmq3-dev cppzmq-dev libprotobuf-dev protobuf-compiler libeigen3-dev librocksdb-dev
  libgflags-dev libgoogle-glog-dev libgtest-dev libgmock-dev libbenchmark-dev libabsl-dev
  libdnnl-dev libzstd-dev zlib1g-dev libxxhash-dev libfmt-dev libonnx-dev nlohmann-json3-dev
)
developer_packages=(clang clang-format clang-tidy libclang-rt-14-dev python3)
if [[ "${1:-}" == "--developer" ]]; then
  packages+=("${developer_packages[@]}")
  # Node.js is often there from elsewhere, and then Debian's npm cannot be installed beside it.
  command -v node >/dev/null || packages+=(nodejs)
  command -v npm >/dev/null || packages+=(npm)
fi

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' ||
    missing+=("$package")
done
if ((${#missing[@]} == 0)); then exit 0; fi

as_root=()
if ((EUID != 0)); then as_root=(sudo); fi
echo "installing ${#missing[@]} packages: ${missing[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
  "${missing[@]}" >/dev/null
