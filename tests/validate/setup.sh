#!/usr/bin/env bash
# Installs the validators of others that tests/validators.rs runs the reports through, into the folder it prints.
# Needs npm and python3 with venv; what it installs stays in target/validators. The newer focus-validator needs Python 3.12: where
# there is none, `focus-2.missing` stands in the folder instead.
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
# focus-validator 1.0.0 came out with libraries of early 2024, so it has an environment of its own.
if [ ! -f "$home/ready-focus-1" ]; then
    python3 -m venv "$home/focus-1" >&2
    "$home/focus-1/bin/pip" install --quiet --disable-pip-version-check \
        focus-validator==1.0.0 pandas==2.1.4 pandera==0.17.2 numpy==1.26.4 multimethod==1.11.2 >&2
    touch "$home/ready-focus-1"
fi
if [ ! -f "$home/ready-focus-2" ]; then
    rm -f "$home/focus-2.missing"
    newer=""
    for python in python3 python3.12 python3.13 "$(pyenv root 2>/dev/null || true)"/versions/3.1[23]*/bin/python; do
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then
            newer="$python"
            break
        fi
    done
    if [ -n "$newer" ]; then
        "$newer" -m venv "$home/focus-2" >&2
        "$home/focus-2/bin/pip" install --quiet --disable-pip-version-check \
            focus-validator==2.2.1 numpy==1.26.4 pandas==2.3.3 'pyarrow<19' >&2
        touch "$home/ready-focus-2"
    else
        echo "Python 3.12 is missing: focus-validator 2 is left out" >&2
        touch "$home/focus-2.missing"
    fi
fi
echo "$home"
