#!/bin/sh
# Unpacks QEMU 10.0 of Debian's bookworm-backports beside the installed one: install-qemu-10.sh FOLDER
# Nothing is installed: the binaries run from FOLDER/usr/bin with the libraries of QEMU 7.2's packages.
set -eu

folder=$(mkdir -p "$1" && cd "$1" && pwd)
packages='qemu-utils qemu-system-common qemu-system-x86 qemu-system-data qemu-guest-agent seabios'

if [ -x "$folder/usr/bin/qemu-storage-daemon" ]; then
  "$folder/usr/bin/qemu-storage-daemon" --version
  exit 0
fi

# apt works on lists of its own below FOLDER, so the machine's sources stay as they are.
mirror=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' | awk '$2 == "bookworm" { print $1; exit }')
[ -n "$mirror" ] || { echo 'install-qemu-10.sh: no Debian bookworm source is configured' >&2; exit 1; }
mkdir -p "$folder/apt/lists/partial" "$folder/apt/archives/partial"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bookworm-backports main" > "$folder/apt/sources.list"
set -- -o Dir::Etc::SourceList="$folder/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null \
  -o Dir::State::Lists="$folder/apt/lists" -o Dir::Cache="$folder/apt" -o APT::Sandbox::User=root
apt-get "$@" update -qq

cd "$folder/apt"
# shellcheck disable=SC2086
apt-get "$@" download -qq -t bookworm-backports $packages
for package in ./*.deb; do dpkg -x "$package" "$folder"; done
rm -rf "$folder/apt"
"$folder/usr/bin/qemu-storage-daemon" --version
