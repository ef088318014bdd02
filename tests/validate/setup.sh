#!/usr/bin/env bash
# Installs the validators of others that tests/program/validators.rs runs the reports through, into the folder it prints.
# Needs npm and python3 with venv; what it installs stays in target/validators. The two versions of focus-validator want a Python of
# their own age: where there is none, `focus_1_0.missing` or `focus_1_2.missing` stands in the folder, which .ci/run heeds.
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
# install_focus TEST FOLDER PYTHON PACKAGE…
install_focus() {
    local test=$1 folder="$home/$2" python=$3
    shift 3
    [ -f "$folder/ready" ] && return
    rm -f "$home/$test.missing"
    if [ -n "$python" ] && "$python" -m venv "$folder" >&2 &&
        "$folder/bin/pip" install --quiet --disable-pip-version-check "$@" >&2; then
        touch "$folder/ready"
    else
        echo "focus-validator for $test cannot be installed here: it is left out" >&2
        touch "$home/$test.missing"
    fi
}

# python_for ASKED: the first Python of which `sys.version_info ASKED` is true.
python_for() {
    local python
    for python in python3 python3.12 python3.13 python3.11 "$(pyenv root 2>/dev/null || true)"/versions/3.1[123]*/bin/python; do
        if "$python" -c "import sys; sys.exit(not (sys.version_info $1))" 2>/dev/null; then
            echo "$python"
            return
        fi
    done
}

# 1.0.0 came out with libraries of early 2024.
install_focus focus_1_0 focus-1 "$(python_for '< (3, 13)')" \
    focus-validator==1.0.0 pandas==2.1.4 pandera==0.17.2 numpy==1.26.4 multimethod==1.11.2
install_focus focus_1_2 focus-2 "$(python_for '>= (3, 12)')" focus-validator==2.2.1 numpy==1.26.4 pandas==2.3.3 'pyarrow<19'
echo "$home"
