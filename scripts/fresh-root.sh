#!/usr/bin/env bash
# Proves that setup.sh forgets nothing: clones this commit into a minimal Debian and runs make.
#
# usage: scripts/fresh-root.sh FOLDER [SUITE] [TARGET...]     default: bookworm build
#
# Needs root, debootstrap and 6 GB below FOLDER. The new system gets git and make, and from this one
# what it takes to reach the same servers: name service, proxies, certificates, pip's settings and,
# if the suite is this system's own, the sources of apt. FOLDER is kept, for a second try.
set -euo pipefail

[ $# -ge 1 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2 && exit 2; }
# In a mount namespace of its own nothing has to be unmounted, and nothing can stay mounted.
[ -n "${XP_FRESH_ROOT:-}" ] \
  || exec env XP_FRESH_ROOT=1 unshare --mount --propagation slave "$0" "$@"
mkdir -p "$1"
root=$(cd "$1" && pwd)
suite=${2:-bookworm}
shift $(($# < 2 ? $# : 2))
targets=("${@:-build}")
source=$(cd "$(dirname "$0")/.." && pwd)

mirror=$(apt-get indextargets --format '$(ORIGIN) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' \
  | awk '$1 == "Debian" && $2 == "main" {print $3; exit}')
[ -e "$root/usr/bin/make" ] \
  || debootstrap --variant=minbase --include=git,make,ca-certificates "$suite" "$root" "$mirror"

copy() {
  local path
  for path in "$@"; do
    [ -e "$path" ] || continue
    mkdir -p "$root$(dirname "$path")"
    # A link in the new root must not lead the copy back into this one.
    cp -rLT --remove-destination "$path" "$root$path"
  done
}
copy /etc/resolv.conf /etc/hosts /etc/ssl/certs/ca-certificates.crt \
  /usr/local/share/ca-certificates /etc/pip.conf "$HOME/.config/pip" "$HOME/.pip"
if [ "$suite" = "$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" ]; then
  rm -f "$root/etc/apt/sources.list"
  copy /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/auth.conf /etc/apt/auth.conf.d
fi

mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"

rm -rf "$root/tmp/xp.git"
git clone -q --bare "$source" "$root/tmp/xp.git"
kept=()
while IFS= read -r line; do kept+=("$line"); done \
  < <(env | grep -iE '^(https?_proxy|no_proxy|all_proxy|pip_[a-z_]+|ssl_cert_file|jobs)=' || true)
chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
  "${kept[@]}" bash -euc '
    cd /root
    [ -d xp ] || git clone -q /tmp/xp.git xp
    cd xp
    git fetch -q && git reset -q --hard origin/HEAD
    for target; do
      started=$SECONDS
      make "$target"
      echo "fresh-root: make $target took $((SECONDS - started)) s"
    done' fresh-root "${targets[@]}"
