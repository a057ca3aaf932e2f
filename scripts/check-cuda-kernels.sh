#!/usr/bin/env bash
# Compiles every CUDA source to PTX with nvcc, for Ampere and Hopper, where a warning is an error.
set -euo pipefail
cd "$(dirname "$0")/../agentscope-tuner-policy/src/kernels/cuda/source"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for source in *.cu; do
  cat ./*.cuh "$source" >"$work/$source"
  for architecture in sm_80 sm_90; do
    nvcc -ptx -arch="$architecture" -Werror all-warnings -o "$work/out.ptx" "$work/$source"
  done
done
echo "$(ls -- *.cu | wc -l) sources, no warning"
