"""Counts with SentencePiece itself: a JSON string a line in, a number a line out.

    cargo run --release -p farebox-tokenizer --all-features --example compare_reference -- mistral_v1_spm 600 python3 crates/tokenizer/examples/sentencepiece_counts.py MODEL

MODEL is a SentencePiece `.model`, or a list of `base64(piece) score [type]` as the crates `splintr-vocab-*` have it, from
which a model is made. Needs the packages `sentencepiece` and, for such a list, `protobuf`.
"""

import base64
import json
import sys

import sentencepiece


def model_of_list(path, first):
    """A byte-pair model out of a list of its first pieces, without a prefix and with byte fallback."""
    from sentencepiece import sentencepiece_model_pb2 as pb

    model = pb.ModelProto()
    lines = open(path).read().splitlines()[: first or None]
    for at, line in enumerate(lines):
        fields = line.split(" ")
        text = base64.b64decode(fields[0]).decode()
        is_byte = len(text) == 6 and text.startswith("<0x")
        kind = int(fields[2]) if len(fields) > 2 else 6 if is_byte else (2 if at == 0 else 3) if at < 3 else 1
        model.pieces.add(piece=text, score=float(fields[1]), type=kind)
    model.trainer_spec.model_type = pb.TrainerSpec.BPE
    model.trainer_spec.byte_fallback = True
    model.normalizer_spec.name = "identity"
    model.normalizer_spec.add_dummy_prefix = bool(first)
    model.normalizer_spec.remove_extra_whitespaces = False
    return model.SerializeToString()


def main():
    path = sys.argv[1]
    if path.endswith(".spm"):
        proto = model_of_list(path, int(sys.argv[2]) if len(sys.argv) > 2 else 0)
        processor = sentencepiece.SentencePieceProcessor(model_proto=proto)
    else:
        processor = sentencepiece.SentencePieceProcessor(model_file=path)
    for line in sys.stdin:
        print(len(processor.encode(json.loads(line))), flush=True)


main()
