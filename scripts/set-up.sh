# Sourced by the other scripts: finds a Python, sets up the environment, and sets $root and $python.
root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
python=$root/.venv/bin/python

find_python() {
    for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11 python3.14 python; do
        if [ -n "$candidate" ] && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "$(basename -- "$0"): Python 3.11 or newer was not found. Install it, or set its path: PYTHON=/path/to/python" >&2
    exit 1
}

found=$(find_python) || exit 1
"$found" "$root/scripts/set_up.py" || exit 1
