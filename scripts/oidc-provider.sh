#!/usr/bin/env bash
# Put the npm packages oidc-provider and openid-client, as the lock file names them, into a cache folder, and print the folder.
# Ends with 3 where there is no node: tests that need it are skipped then.
set -euo pipefail

here=$(cd "$(dirname "$0")/../tests/system/oidc_provider" && pwd)
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    echo "node and npm are not installed (Debian: apt-get install nodejs npm); no login at a foreign provider is tested" >&2
    exit 3
fi

lock=$(sha256sum "$here/package-lock.json" | cut -c 1-16)
folder=${XDG_CACHE_HOME:-$HOME/.cache}/opengdi/oidc-provider-$lock
if [ ! -d "$folder/node_modules/oidc-provider" ]; then
    mkdir -p "$(dirname "$folder")"
    draft=$(mktemp -d "$folder.XXXXXX")
    trap 'rm -rf "$draft"' EXIT
    cp "$here/package.json" "$here/package-lock.json" "$draft"
    (cd "$draft" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
    chmod 755 "$draft"
    mv -T "$draft" "$folder" 2>/dev/null || [ -d "$folder/node_modules/oidc-provider" ]
fi
echo "$folder"
