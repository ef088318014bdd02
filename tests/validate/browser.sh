#!/usr/bin/env bash
# Makes sure that there is a Chromium for tests/program/page.rs: one that is installed, else the system's package where that can be
# installed without asking. Ends with 1 where there is none.
set -uo pipefail
has_browser() { command -v chromium || command -v chromium-browser || command -v google-chrome; }
has_browser >/dev/null && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends chromium; } >&2
fi
has_browser >/dev/null
