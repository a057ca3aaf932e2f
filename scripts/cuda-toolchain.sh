#!/usr/bin/env bash
# Makes a folder with which `--features cuda` builds on a Linux x86-64 machine that has neither a GPU nor NVIDIA's
# toolkit: nvcc, headers and NVRTC from NVIDIA's Python wheels; in place of the driver and of cuBLAS, libraries of the
# same names whose functions do nothing. What is built there runs where the real libraries (CUDA 13) are.
#
#   scripts/cuda-toolchain.sh FOLDER [COMPUTE_CAPABILITY]     such as 80 (A100) or 90 (H100, the default)
#   . FOLDER/env.sh
#   cargo build --release -p addition --features cuda
set -euo pipefail

folder=$(mkdir -p "${1:?name a folder for the toolchain}" && cd "$1" && pwd)
capability=${2:-90}
toolkit=$folder/wheels/nvidia/cu13
stubs=$toolkit/lib64/stubs

install_wheels() {
  [[ -x $toolkit/bin/nvcc ]] && return
  python3 -m pip install --quiet --no-deps --target "$folder/wheels" \
    nvidia-cuda-cccl==13.0.85 nvidia-cuda-crt==13.0.88 nvidia-cuda-nvcc==13.0.88 \
    nvidia-cuda-nvrtc==13.0.88 nvidia-cuda-runtime==13.0.96 nvidia-nvvm==13.0.88
}

# dfdx asks nvidia-smi which GPU it should compile its own kernels for.
pretend_gpu() {
  mkdir -p "$folder/bin"
  printf '#!/bin/sh\nprintf "compute_cap\\n%%s\\n" %s\n' "${capability%?}.${capability: -1}" >"$folder/bin/nvidia-smi"
  chmod +x "$folder/bin/nvidia-smi"
}

# The folder of cudarc's sources, fetched as Cargo fetches any dependency.
cudarc_sources() {
  local root
  root=$(cd "$(dirname "$0")/.." && pwd)
  cargo fetch --quiet --manifest-path "$root/Cargo.toml"
  cargo metadata --format-version 1 --manifest-path "$root/Cargo.toml" --all-features |
    python3 -c 'import json, os, sys
print(next(os.path.dirname(p["manifest_path"]) for p in json.load(sys.stdin)["packages"] if p["name"] == "cudarc"))'
}

# stub LIBRARY VERSION FOLDER: for each function that cudarc declares for this library, one that answers 100, which is
# CUDA_ERROR_NO_DEVICE; only the two that put errors into words do their work.
stub() {
  local library=$1 version=$2 declarations=$3
  grep -hoE 'pub fn [A-Za-z0-9_]+' "$declarations"/sys*.rs | sort -u | sed -E '
    s/pub fn (cuGetError(Name|String))$/int \1(int error, const char **text) { *text = "no driver, only a stub"; return 0; }/
    s/pub fn (.*)/int \1(void) { return 100; }/' |
    cc -x c -shared -fPIC -w -fno-builtin -Wl,-soname,"lib$library.so.$version" -o "$stubs/lib$library.so.$version" -
  ln -sf "lib$library.so.$version" "$stubs/lib$library.so"
}

install_wheels
pretend_gpu
mkdir -p "$stubs"
sources=$(cudarc_sources)
stub cuda 1 "$sources/src/driver"
stub cublas 13 "$sources/src/cublas"
stub cublasLt 13 "$sources/src/cublaslt"
for library in "$toolkit"/lib/libnvrtc*.so*; do ln -sf "$library" "$stubs/"; done
ln -sf libnvrtc.so.13 "$stubs/libnvrtc.so"

cat >"$folder/env.sh" <<EOF
export PATH="$folder/bin:$toolkit/bin:\$PATH" CUDA_PATH="$toolkit" CUDA_COMPUTE_CAP=$capability
export LD_LIBRARY_PATH="$stubs\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
EOF
echo "ready: . $folder/env.sh"
