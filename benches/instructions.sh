#!/usr/bin/env bash
# How many instructions the release binary takes, case by case, counted by `valgrind --tool=callgrind`. Unlike times they
# hardly differ from run to run, whatever else the machine does.
#
#   benches/instructions.sh [BINARY]                   beside benches/instructions.csv
#   benches/instructions.sh [BINARY] --against OTHER   beside another binary, on the same texts
#   benches/instructions.sh [BINARY] --bless           writes benches/instructions.csv
#
# Without BINARY the release binary is built. Exit codes: 0 fine, 1 a case rose by more than LIMIT percent, 2 bad
# arguments, 5 something could not be run.
#
# Read them for what they are: no cache misses, no wrong guesses of branches, and the AVX2 level of the counting engine,
# because valgrind knows no AVX-512. Another toolchain or profile makes other numbers: compare what is built alike.
set -euo pipefail
export LC_ALL=C

LIMIT=3
repository=$(cd "$(dirname "$0")/.." && pwd)
kept=$repository/benches/instructions.csv

fail() {
    echo "$2" >&2
    exit "$1"
}

usage() { fail 2 "usage: benches/instructions.sh [BINARY] [--against OTHER | --bless]"; }

binary= other= bless=
while [ $# -gt 0 ]; do
    case $1 in
    --bless) bless=yes ;;
    --against) [ $# -gt 1 ] && shift && other=$(realpath -- "$1") || usage ;;
    -*) usage ;;
    *) [ -z "$binary" ] && binary=$(realpath -- "$1") || usage ;;
    esac
    shift
done
[ -z "$bless" ] || [ -z "$other" ] || usage
command -v valgrind >/dev/null || fail 5 "valgrind is missing: install your system's package of it"
if [ -z "$binary" ]; then
    (cd "$repository" && cargo build --release --locked) || fail 5 "the build failed"
    binary=$(cd "$repository" && realpath "${CARGO_TARGET_DIR:-target}/release/farebox")
fi
for each in "$binary" ${other:+"$other"}; do
    [ -x "$each" ] || fail 5 "$each is no program"
done

# How long the path of the program and its environment are changes what it takes to start, so both are the same for all.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cp "$binary" now
[ -z "$other" ] || cp "$other" was

# What the texts are made of changes with the sources, but 200 kB of them change little.
find "$repository/src" -name '*.rs' -print0 | sort -z | xargs -0 cat >source
sed -n 's|^ *//[/!] ||p' source >comments
# Whole lines only, so that no character is cut.
head -c 200000 source | sed '$d' >code.txt
head -c 200000 comments | sed '$d' >prose.txt
cp "$repository/tests/data/udhr.jsonl" languages.jsonl
for _ in $(seq 1000); do cat "$repository/data/examples/usage.jsonl"; done >usage.jsonl
# Features with ranges on a model whose card knows a shortest cacheable prompt, so that each has to be drawn.
workload() {
    printf 'version: 1\nstart: 2027-01-01\nmonths: 12\nfeatures:\n'
    for feature in $(seq "$1"); do
        printf '  f%s: {model: openai/gpt-4o, system: 2000, prompt: 100..300..900, output: 100..200..900, %s}\n' "$feature" "$2"
    done
}
workload 20 'turns: 1..3..8, calls: 20..40..90 per day, growth: 1%..2%..4% per month' >plan.yaml
workload 5 'calls: 40 per day, cache: {hit_rate: 40%..60%..80%}' >compare.yaml
workload 5 'calls: 40 per day, choose: {models: ["openai/*", "google/*", "anthropic/*"], latency: day, cache: true}' >optimise.yaml

cases=(
    "start count       | count --text hello -m gpt-4o"
    "start estimate    | estimate --input-tokens 10000 --output-tokens 500 -m gpt-4o"
    "o200k prose       | count --threads 1 --tokenizer o200k_base prose.txt"
    "o200k code        | count --threads 1 --tokenizer o200k_base code.txt"
    "o200k languages   | count --threads 1 --tokenizer o200k_base --jsonl text languages.jsonl"
    "cl100k prose      | count --threads 1 --tokenizer cl100k_base prose.txt"
    "cl100k code       | count --threads 1 --tokenizer cl100k_base code.txt"
    "llama2 prose      | count --threads 1 --tokenizer llama2 prose.txt"
    "usage 5000 records| usage --threads 1 usage.jsonl"
    "plan 20 features   | plan -w plan.yaml --at 2026-11-22 -q"
    "compare 5 features | compare -w compare.yaml --all --at 2026-11-22 -q"
    "optimise 5 features| optimise -w optimise.yaml --at 2026-11-22 -q"
)

# Runs something for one of the two binaries, `now` or `was`: what is set here is all that it sees of the machine.
clean() { env -i PATH=/usr/bin:/bin LC_ALL=C TZ=UTC FAREBOX_CACHE_DIR="$folder/tables-$1" "${@:2}" >out 2>errors; }

# Instructions of one of the two with the rest as its arguments.
instructions() {
    clean "$1" valgrind --tool=callgrind --callgrind-out-file=/dev/null --log-file=log -- "./$1" "${@:2}" || return 1
    sed -n 's/.*Collected : \([0-9][0-9]*\)$/\1/p' log | grep .
}

# The same before, of a case's name and arguments; nothing where it is not known.
before() {
    if [ -n "$other" ]; then
        instructions was $2 || true
    elif [ -e "$kept" ]; then
        sed -n "s/^$1,//p" "$kept"
    fi
}

# Lays out the tables that the cases find ready.
for each in now ${other:+was}; do
    clean "$each" "./$each" count --tokenizer llama2 --text hello || true
done

rose=
printf '%-20s %14s %14s %8s\n' case before now change
for line in "${cases[@]}"; do
    name=$(sed 's/ *|.*//' <<<"$line")
    arguments=${line#*| }
    now=$(instructions now $arguments) || fail 5 "farebox $arguments failed:"$'\n'"$(cat errors log)"
    was=$(before "$name" "$arguments")
    echo "$name,$now" >>now.csv
    change=$(awk -v was="${was:-0}" -v now="$now" 'BEGIN { if (was) printf "%+.2f%%", (now / was - 1) * 100; else print "new" }')
    if awk -v was="${was:-0}" -v now="$now" -v limit="$LIMIT" 'BEGIN { exit !(was && now > was * (1 + limit / 100)) }'; then
        rose+=" '$name'"
        change+=" !"
    fi
    printf '%-20s %14s %14s %8s\n' "$name" "${was:--}" "$now" "$change"
done

if [ -n "$bless" ]; then
    {
        echo "# Instructions of a release build under valgrind, $(uname -m), $(rustc --version), $(date -u +%F)."
        echo "# Written by benches/instructions.sh --bless."
        echo "case,instructions"
        cat now.csv
    } >"$kept"
elif [ -n "$rose" ]; then
    [ -n "$other" ] || echo "the numbers before: $(sed -n '1s/^# //p' "$kept") Now: $(rustc --version)" >&2
    fail 1 "more than $LIMIT% more instructions:$rose"
fi
