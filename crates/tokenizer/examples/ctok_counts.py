"""Counts texts with ctok, for `crates/tokenizer/examples/compare_reference.rs`:

    pip install ctok==1.3.0 regex==2024.11.6
    cargo run --release -p farebox-tokenizer --all-features --example compare_reference -- claude_v3 600 python crates/tokenizer/examples/ctok_counts.py 3.0
    cargo run --release -p farebox-tokenizer --all-features --example compare_reference -- claude_v4_7 600 python crates/tokenizer/examples/ctok_counts.py 4.7

A text with a character that this Python's Unicode data does not know is not judged: what it becomes depends on the age of
that data, in ctok as in the vendor's own service.
"""

import json
import sys
import unicodedata

import ctok

FRAMES = {"3.0": 7, "4.7": 11}
version = sys.argv[1]
for line in sys.stdin:
    text = json.loads(line)
    if any(unicodedata.category(c) == "Cn" for c in text):
        print("-", flush=True)
    else:
        print(ctok.token_count(text, version) - FRAMES[version] if text else 0, flush=True)
