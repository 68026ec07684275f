#!/bin/sh
# Answers of random weights to random JSON Schemas are valid: a few of them (see schemas.py; TRIT_CASES says how many).
set -eu
# shellcheck source=tests/shell.sh
. "$TRIT_SOURCE/tests/shell.sh"
export PYTHONDONTWRITEBYTECODE=1 TRIT_THREADS=1
if ! python3 -c "import jsonschema" 2>/dev/null; then
    echo "skipped: Python's jsonschema is not present"
    exit 77
fi
python3 "$TRIT_SOURCE/tests/e2e/schemas.py" "$TRIT_PROGRAM" -n "${TRIT_CASES:-12}"
