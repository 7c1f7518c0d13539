#!/usr/bin/env bash
# Unpacks the C++ part of PyTorch's wheels into .deps/libtorch, for cuda with NCCL and the CUDA
# compiler. Safe to repeat and to interrupt.
#
# usage: scripts/get-libtorch.sh [--check] cpu|cuda [FOLDER]
#
#   --check   fetch nothing; succeed when FOLDER already holds what was requested
#
# Any Python >= 3.8 with pip will do, since nothing of the wheels is run. pip's own settings apply
# (index, certificates, cache); WHEELS names one more folder to look for wheels in, PYTHON another
# interpreter. An installation elsewhere is used as it is if LibTorch_ROOT names it.
set -euo pipefail
cd "$(dirname "$0")/.."

check=
if [ "${1:-}" = --check ]; then
  check=yes
  shift
fi
kind=${1:-cpu}
folder=${2:-.deps/libtorch}
case $kind in cpu | cuda) ;; *) echo "get-libtorch: cpu or cuda, not '$kind'" >&2 && exit 2 ;; esac
[ -z "${LibTorch_ROOT:-}" ] || exit 0

# What lies in the folder is a function of the list of wheels and of the rule what to keep of them.
stamp_of() {
  echo "$1 $(cat "scripts/libtorch-$1.txt" scripts/unpack_wheels.py | sha256sum | cut -c1-16)"
}
up_to_date() {
  local have
  have=$(cat "$folder/.stamp" 2>/dev/null) || return 1
  # Everything for the CPU is also in the other one.
  [ "$have" = "$(stamp_of "$kind")" ] || [ "$have" = "$(stamp_of cuda)" ]
}

up_to_date && exit
[ -z "$check" ] || exit 1

mkdir -p "$(dirname "$folder")"
exec 9>"$folder.lock"
flock 9
up_to_date && exit

# One wheel at a time, each moved here when it is whole: another try fetches only the rest.
wheels=$folder.wheels-$kind
platforms=()
for tag in 2_28 2_27 2_25 2_24 2_18 2_17 2_12 2_5; do
  platforms+=(--platform "manylinux_${tag}_$(uname -m)")
done
for tag in 2014 2010 1; do platforms+=(--platform "manylinux${tag}_$(uname -m)"); done
fetch() {
  local part=$wheels/part
  rm -rf "$part"
  mkdir -p "$part"
  "${PYTHON:-python3}" -m pip download -q --disable-pip-version-check --no-deps \
    --only-binary=:all: --python-version 3.11 --implementation cp --abi cp311 --abi none \
    "${platforms[@]}" ${WHEELS:+--find-links "$WHEELS"} -d "$part" "$1" \
    && mv "$part"/*.whl "$wheels/" && rmdir "$part"
}
fetch_patiently() {
  local pause
  for pause in 3 10; do
    if fetch "$1"; then return; fi
    echo "get-libtorch: trying again in $pause s" >&2
    sleep "$pause"
  done
  fetch "$1" && return
  echo "get-libtorch: the wheel of $1 could not be downloaded; run it again to resume" >&2
  exit 1
}

size=$([ "$kind" = cpu ] && echo "540 MB" || echo "3 GB")
echo "get-libtorch: fetching LibTorch for $kind, about $size" >&2
while read -r wheel; do
  stem=${wheel/==/-}
  compgen -G "$wheels/${stem//[-_]/[-_]}-*.whl" >/dev/null || fetch_patiently "$wheel"
done <"scripts/libtorch-$kind.txt"

rm -rf "$folder.new"
"${PYTHON:-python3}" scripts/unpack_wheels.py "$kind" "$wheels" "$folder.new"
stamp_of "$kind" >"$folder.new/.stamp"
rm -rf "$folder.old"
[ ! -e "$folder" ] || mv "$folder" "$folder.old"
mv "$folder.new" "$folder"
rm -rf "$folder.old" "$wheels"
