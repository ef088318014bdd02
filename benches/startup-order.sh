#!/usr/bin/env bash
# Writes data/startup.order: the functions that common commands run, by the names that this compiler gives them, those of
# the shortest command first. The build hands the list to the linker (build.rs), which lays them beside each other.
# Needs valgrind, Python 3 and a linker that can do so (lld, which rustc brings along for x86-64 Linux).
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
built="${CARGO_TARGET_DIR:-$PWD/target}/release"
FAREBOX_LINK_MAP="$built.map" cargo build --release --locked
farebox="$built/farebox"

run() {
    valgrind --tool=callgrind --dump-instr=yes --compress-pos=no --compress-strings=no \
        --callgrind-out-file="$work/run.$1" "$farebox" "${@:2}" >/dev/null 2>"$work/errors" || {
        cat "$work/errors" >&2
        exit 1
    }
}
run 1 count --text 'hello world' -m gpt-4o
run 2 estimate --text 'hello world' -m gpt-4o-mini
run 3 estimate --input-tokens 1000 --output-tokens 200 -m gpt-4o-mini --format json
run 4 prices show gpt-4o
run 5 usage data/examples/usage.jsonl

python3 - "$built.map" "$work"/run.* >"$work/order" <<'PYTHON'
import bisect, re, sys

# Every function is a section of its own, which has its name.
starts = {}
for line in open(sys.argv[1], errors="replace"):
    section = re.match(r" *([0-9a-f]+) .*:\(\.text\.(?:unlikely\.)?(_[ZR][^)]*)\)$", line)
    if section:
        starts[int(section[1], 16)] = section[2]
places = sorted(starts)
if not places:
    sys.exit(sys.argv[1] + " names no functions: is it a map of lld?")

found = {}
for path in sys.argv[2:]:
    own = False
    for line in open(path, errors="replace"):
        if line.startswith("ob="):
            own = line.rstrip().endswith("/farebox")
        elif own and line.startswith("0x"):
            at = bisect.bisect_right(places, int(line.split()[0], 16)) - 1
            if at >= 0:
                found.setdefault(starts[places[at]])
print("\n".join(found))
PYTHON
mv "$work/order" data/startup.order
echo "$(wc -l <data/startup.order) functions" >&2
