#!/bin/bash
# Install forge from the action's own checkout, in a separate environment, so that the job's Python is not affected.
set -euo pipefail
if command -v forge > /dev/null; then
    echo "Using the forge that is already installed: $(forge --version)"
    exit 0
fi
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
python3 -m venv "$RUNNER_TEMP/forge"
"$RUNNER_TEMP/forge/bin/pip" install --quiet --disable-pip-version-check "$root"
mkdir -p "$RUNNER_TEMP/forge-path"
ln -sf "$RUNNER_TEMP/forge/bin/forge" "$RUNNER_TEMP/forge-path/forge"
echo "$RUNNER_TEMP/forge-path" >> "$GITHUB_PATH"
