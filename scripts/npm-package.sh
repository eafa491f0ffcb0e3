#!/usr/bin/env bash
# npm-package.sh FOLDER PACKAGE: put an npm package, as the lock file in FOLDER names it, into a cache folder, and print that.
# Ends with 3 where there is no node: tests that need it are skipped then.
set -euo pipefail

here=$(cd "$1" && pwd)
package=$2
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    echo "node and npm are not installed (Debian: apt-get install nodejs npm); tests with $package are skipped" >&2
    exit 3
fi

lock=$(sha256sum "$here/package-lock.json" | cut -c 1-16)
folder=${XDG_CACHE_HOME:-$HOME/.cache}/opengdi/$package-$lock
if [ ! -d "$folder/node_modules/$package" ]; then
    mkdir -p "$(dirname "$folder")"
    draft=$(mktemp -d "$folder.XXXXXX")
    trap 'rm -rf "$draft"' EXIT
    cp "$here/package.json" "$here/package-lock.json" "$draft"
    (cd "$draft" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
    chmod 755 "$draft"
    mv -T "$draft" "$folder" 2>/dev/null || [ -d "$folder/node_modules/$package" ]
fi
echo "$folder"
