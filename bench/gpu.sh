#!/usr/bin/env bash
# Measures an MoE layer on one GPU against a dense layer of the same products and the one-hot layer:
# builds what it needs, prints a table and writes build/gpu-speed-cuda.json. Run it again to resume.
#
# usage: bench/gpu.sh [OPTIONS]     options of bench/gpu/steps.py: --device cpu --smoke tries it
set -euo pipefail
cd "$(dirname "$0")/.."
make --no-print-directory build-gpu >&2
exec python3 bench/gpu/steps.py speed "$@"
