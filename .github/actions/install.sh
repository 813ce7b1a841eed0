#!/bin/bash
# Install forge from this checkout of the action, in an environment of its own: the job's Python stays as it is.
set -euo pipefail
if command -v forge > /dev/null; then
    echo "forge is there already: $(forge --version)"
    exit 0
fi
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
python3 -m venv "$RUNNER_TEMP/forge"
"$RUNNER_TEMP/forge/bin/pip" install --quiet --disable-pip-version-check "$root"
mkdir -p "$RUNNER_TEMP/forge-path"
ln -sf "$RUNNER_TEMP/forge/bin/forge" "$RUNNER_TEMP/forge-path/forge"
echo "$RUNNER_TEMP/forge-path" >> "$GITHUB_PATH"
