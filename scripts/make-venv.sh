#!/usr/bin/env bash
# Make .venv with the newest of the interpreters we support. Debian splits the module `venv` off Python.
set -euo pipefail

folder=${1:?folder of the virtual environment}
[ -x "$folder/bin/python" ] && exit 0

for name in ${PYTHON:-python3.11 python3.12 python3.13 python3.14 python3}; do
    found=$(command -v "$name" || true)
    if [ -n "$found" ] && "$found" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$found
        break
    fi
done
if [ -z "${python:-}" ]; then
    echo "Python 3.11 or later is needed; say PYTHON=/path/to/python3.11 if it is not on the PATH." >&2
    exit 1
fi

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    "$(dirname "$0")/debian-packages.sh" "python$version-venv" || true
fi
"$python" -m venv "$folder"
