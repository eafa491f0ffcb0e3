#!/usr/bin/env bash
# Install Debian packages that are not there yet; where that is not possible, say so and go on: what needs them skips.
# usage: debian-packages.sh PACKAGE[=PROGRAM]…   a PROGRAM on the PATH is taken for its package
set -uo pipefail

missing=()
for wanted in "$@"; do
    package=${wanted%%=*}
    [ "$package" != "$wanted" ] && command -v "${wanted#*=}" >/dev/null && continue
    dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -q '^installed$' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
    echo "not a Debian system: install ${missing[*]} yourself, or what needs them is skipped" >&2
    exit 0
fi
if [ "$(id -u)" -eq 0 ]; then
    as_root=()
elif sudo -n true 2>/dev/null; then
    as_root=(sudo -n)
else
    echo "no rights to install ${missing[*]}: what needs them is skipped (run: apt-get install ${missing[*]})" >&2
    exit 0
fi

export DEBIAN_FRONTEND=noninteractive
apt() { "${as_root[@]}" timeout 600 apt-get -o Acquire::Retries=0 -o Acquire::http::Timeout=20 "$@" >/dev/null 2>&1; }

echo "installing ${missing[*]}" >&2
apt install --yes --no-install-recommends "${missing[@]}" && exit 0
apt update && apt install --yes --no-install-recommends "${missing[@]}" ||
    echo "could not install ${missing[*]}: what needs them is skipped" >&2
exit 0
