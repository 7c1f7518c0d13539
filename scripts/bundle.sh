#!/usr/bin/env bash
# Makes one folder that runs on a machine without compiler, packages and root: the programs, all
# libraries they need but the C library, plug-ins, experiments and licences.
#
# usage: scripts/bundle.sh FOLDER [PLUGIN.so...]
#
# Takes the programs of build/. The other machine needs the same kind of processor and at least the
# C library that is named at the end. Plug-ins go to FOLDER/plugins.
set -euo pipefail
cd "$(dirname "$0")/.."

stop() { echo "bundle: $1" >&2 && exit 1; }
[ $# -ge 1 ] || { sed -n '5s/^# //p' "$0" >&2 && exit 2; }
folder=$(realpath -m "$1")
shift
[ -x build/xp-engine ] || stop "build/xp-engine is missing; run 'make build'"
for plugin; do [ -f "$plugin" ] || stop "no file '$plugin'"; done

new=$folder.new
rm -rf "$new"
cmake --install build --prefix "$new" --component programs >/dev/null
mkdir -p "$new/lib/xp" "$new/licences" "$new/plugins"
cp -r experiments LICENSE NOTICE "$new/"
[ $# -eq 0 ] || cp "$@" "$new/plugins/"

# "NAME PATH" of the libraries that programs load, without the C library: that belongs to the
# machine, as it must fit the kernel and the name service there.
libraries_of() {
  env -i ldd "$@" | awk '$2 == "=>" && $3 ~ /^\// {print $1, $3}' | sort -u \
    | grep -vE '^(ld-linux.*|lib(c|m|dl|rt|pthread|resolv|util|nsl)\.so\.[0-9]+) '
}
while read -r name path; do
  cp -L "$path" "$new/lib/xp/$name"
  # A package may know the file below /lib, which is a link to /usr/lib.
  file=$(realpath "$path")
  package=$(dpkg-query -S "$file" "${file#/usr}" 2>/dev/null | head -1 | cut -d: -f1) || true
  [ -z "$package" ] || cp -L "/usr/share/doc/$package/copyright" "$new/licences/$package"
done < <(libraries_of build/xp build/xp-engine)
for licences in .deps/libtorch/*.dist-info/licenses; do
  [ ! -d "$licences" ] || cp -r "$licences" "$new/licences/$(basename "${licences%/licenses}")"
done

outside=$(libraries_of "$new/bin/xp" "$new/bin/xp-engine" | grep -vF " $new/" || true)
[ -z "$outside" ] || stop "these libraries were not found in the folder: $outside"
env -i "$new/bin/xp" components >/dev/null

rm -rf "$folder"
mv "$new" "$folder"
libc=$(cat "$folder"/bin/xp* "$folder"/lib/xp/* | grep -aoE 'GLIBC_2\.[0-9]+' | sort -Vu | tail -1)
echo "bundle: $folder, $(du -sh "$folder" | cut -f1); needs $(uname -m) and glibc ${libc#*_}"
