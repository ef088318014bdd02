#!/usr/bin/env bash
# Installs the validators of others that tests/validators.rs runs the reports through, into the folder it prints.
# Needs npm and python3 with venv; what it installs stays in target/validators.
set -euo pipefail
cd "$(dirname "$0")/../.."
home="${CARGO_TARGET_DIR:-target}/validators"
mkdir -p "$home"
home=$(cd "$home" && pwd)
if [ ! -f "$home/ready-1" ]; then
    command -v npm >/dev/null || { echo "npm is missing: install Node.js" >&2; exit 1; }
    command -v python3 >/dev/null || { echo "python3 is missing" >&2; exit 1; }
    npm install --prefix "$home" --no-audit --no-fund --no-save --loglevel=error \
        @microsoft/sarif-multitool@5.7.0 @action-validator/cli@0.6.0 @action-validator/core@0.6.0 >&2
    # Its own install step may be held back; all it does is to make the program executable.
    chmod u+x "$home"/node_modules/@microsoft/sarif-multitool-*/Sarif.Multitool 2>/dev/null || true
    python3 -m venv "$home/venv" >&2
    "$home/venv/bin/pip" install --quiet --disable-pip-version-check \
        junitparser==5.0.3 prometheus-client==0.26.0 jsonschema==4.26.0 >&2
    touch "$home/ready-1"
fi
echo "$home"
