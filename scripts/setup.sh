#!/usr/bin/env bash
# Puts in place everything the build needs: system packages, Catch2 3 and LibTorch. Safe to repeat.
#
# usage: scripts/setup.sh [cpu|cuda]    default: cuda if an NVIDIA driver is found, else cpu
#        scripts/setup.sh tests         what tests need in addition: Clang with libFuzzer and, if
#                                       available, what some are skipped without
#
# Installs as root or through sudo. If neither works it prints what is missing and stops.
# Tried on Debian 12; written for Debian 13 and Ubuntu 24.04 as well.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
  g++ cmake ninja-build ccache mold git ca-certificates curl xz-utils zstd python3
  libfmt-dev libspdlog-dev nlohmann-json3-dev libtomlplusplus-dev libsqlite3-dev libsqlitecpp-dev
  libcli11-dev libsentencepiece-dev nettle-dev zlib1g-dev libzstd-dev libarchive-dev
  libexpat1-dev libicu-dev libboost-dev libgoogle-perftools-dev
)

main() {
  if [ "${1:-}" = tests ]; then
    has_libfuzzer || install_libfuzzer
    has_test_programs || (install_packages chromium bindfs texlive-latex-recommended) || true
    has_tensorboard || install_tensorboard || true
    has_test_programs && has_tensorboard ||
      echo "setup: tests that need what is missing will be skipped" >&2
    return
  fi
  local kind=${1:-$(accelerator)}
  local missing
  mapfile -t missing < <(missing_packages)
  if ! scripts/get-libtorch.sh --check "$kind" && ! has_pip; then
    missing+=(python3-pip)
  fi
  if [ ${#missing[@]} -gt 0 ] || ! has_catch2; then
    install_packages "${missing[@]}"
  fi
  scripts/get-libtorch.sh "$kind"
}

accelerator() { if nvidia-smi -L &>/dev/null; then echo cuda; else echo cpu; fi; }

has_pip() { "${PYTHON:-python3}" -m pip --version &>/dev/null; }

missing_packages() {
  local present
  present=$(dpkg-query -W -f '${Package} ${Status}\n' "${packages[@]}" 2>/dev/null \
    | sed -n 's/ install ok installed$//p') || true
  comm -23 <(printf '%s\n' "${packages[@]}" | sort) <(sort <<<"$present")
}

# Debian 12 itself has Catch2 2, whose header and CMake files are other ones.
has_catch2() {
  grep -qs 'PACKAGE_VERSION "3' /usr/lib/cmake/Catch2/Catch2ConfigVersion.cmake \
    /usr/lib/*/cmake/Catch2/Catch2ConfigVersion.cmake \
    /usr/share/cmake/Catch2/Catch2ConfigVersion.cmake \
    /usr/local/lib/cmake/Catch2/Catch2ConfigVersion.cmake
}

has_libfuzzer() {
  local resources
  resources=$(clang++ -print-resource-dir 2>/dev/null) || return
  compgen -G "$resources/lib/*/libclang_rt.fuzzer_no_main*" >/dev/null
}

# libFuzzer's package has the version of Clang in its name.
install_libfuzzer() {
  command -v clang++ >/dev/null || install_packages clang
  has_libfuzzer || install_packages "libclang-rt-$(clang++ -dumpversion | cut -d. -f1)-dev"
}

# A browser and LaTeX for reports, a file system that stands for one of a network.
has_test_programs() {
  command -v chromium >/dev/null && command -v bindfs >/dev/null &&
    kpsewhich booktabs.sty >/dev/null 2>&1
}

# The reader of the event files that `xp tensorboard` writes.
has_tensorboard() { PYTHONPATH=.deps/python python3 -c 'import tensorboard' 2>/dev/null; }

install_tensorboard() {
  has_pip || install_packages python3-pip || return
  "${PYTHON:-python3}" -m pip install --quiet --root-user-action=ignore --target .deps/python \
    'tensorboard>=2,<3' >&2
}

install_packages() {
  if ! command -v apt-get >/dev/null; then
    stop "this system has no apt-get; install these, by the names they have here:" \
      "  $* catch2 (3 or later)"
  fi
  become_root || refuse "$@"
  echo "setup: installing $*$(has_catch2 || echo " catch2")" >&2
  # A broken third-party source must not prevent the installation of the system's packages.
  apt_get update || echo "setup: could not update all package lists; continuing" >&2
  if [ $# -gt 0 ]; then apt_get install --no-install-recommends "$@"; fi
  has_catch2 || install_catch2
}

refuse() {
  local advice=()
  [ $# -eq 0 ] || advice+=("  apt-get install --no-install-recommends $*")
  has_catch2 || advice+=("  apt-get install catch2   # >= 3; Debian 12: -t bookworm-backports")
  stop "packages are missing and neither root nor sudo is available; ask an administrator to run" \
    "${advice[@]}"
}

root=()
become_root() {
  [ "$(id -u)" = 0 ] && return
  command -v sudo >/dev/null || return 1
  # Without a terminal a password could not be typed.
  sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; } || return 1
  root=(sudo)
}

apt_get() {
  ${root[@]+"${root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 \
    -o Acquire::Retries=3 -o DPkg::Lock::Timeout=600 "$@" >&2
}

install_catch2() {
  local codename parts uri key=/usr/share/keyrings/debian-archive-keyring.gpg
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  if [ "$codename" != bookworm ]; then
    apt_get install --no-install-recommends catch2
  elif apt-get indextargets --format '$(RELEASE)' | grep -qx bookworm-backports; then
    apt_get install --no-install-recommends -t bookworm-backports catch2
  else
    # The backports of the mirror that this system already uses, for these two commands only.
    uri=$(apt-get indextargets --format '$(ORIGIN) $(CODENAME) $(COMPONENT) $(REPO_URI)' \
      'Created-By: Packages' | awk '$1 " " $2 " " $3 == "Debian bookworm main" {print $4; exit}')
    [ -n "$uri" ] || stop "no source for Debian bookworm in /etc/apt; Catch2 3 is in its backports"
    parts=$(mktemp -d)
    chmod 755 "$parts"
    cp /etc/apt/sources.list.d/* "$parts" 2>/dev/null || true
    echo "deb$([ -e $key ] && echo " [signed-by=$key]") $uri bookworm-backports main" \
      >"$parts/xp-backports.list"
    apt_get -o Dir::Etc::sourceparts="$parts" update || true
    apt_get -o Dir::Etc::sourceparts="$parts" install --no-install-recommends \
      -t bookworm-backports catch2
    rm -rf "$parts"
  fi
  has_catch2 || stop "the package 'catch2' of this system is older than 3; install Catch2 3 by hand"
}

stop() {
  printf 'setup: %s\n' "$1" >&2
  shift
  [ $# -eq 0 ] || printf '%s\n' "$@" >&2
  exit 1
}

main "$@"
