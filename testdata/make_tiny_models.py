#!/usr/bin/env python3
"""Write small random-weight Whisper models of every kind, and the reference of what they compute.

    make_tiny_models.py model --kind v3 [--type f16] [--seed 1] [--vocabulary ANY.bin] --out v3.bin
    make_tiny_models.py reference [--seed 1] [--out testdata/reference]

The weights follow a recipe that needs nothing but integers and float32, so that a test in any language can make the
very same model: testdata/README.md gives it, with the format of the reference. --vocabulary names a legacy ggml
Whisper file whose tokens are copied; without it token i is the text " i". Needs the packages openai-whisper and torch
(for the mel filters, and as the oracle) and, for `reference`, ffmpeg.
"""

import argparse
import io
import json
import struct
from pathlib import Path

import numpy as np
import torch
import whisper
from ggml_to_openai import build, parse
from make_reference import MEL_STRIDE, first_step, l2, number, store
from whisper.audio import load_audio, log_mel_spectrogram, mel_filters, pad_or_trim

STATE, HEADS = 128, 2
#                n_vocab, mels, encoder layers, decoder layers
KINDS = {
    "en": (51864, 80, 2, 3),
    "multilingual": (51865, 80, 2, 3),
    "v3": (51866, 128, 3, 3),
    "turbo": (51866, 128, 5, 4),
    "distil-en": (51864, 80, 3, 2),
    "distil-v3": (51866, 128, 3, 2),
}
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
ROW_STRIDE = 60


def fnv1a64(text):
    h = 0xCBF29CE484222325
    for byte in text.encode():
        h = (h ^ byte) * 0x100000001B3 % 2**64
    return h


def uniform(name, count, seed):
    """count float32 in [-1, 1): the top 24 bits of SplitMix64's outputs, seeded by the name."""
    with np.errstate(over="ignore"):
        z = np.uint64(fnv1a64(name) ^ seed) + GOLDEN * np.arange(1, count + 1, dtype=np.uint64)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-23) - np.float32(1)


def shapes(n_vocab, n_mels, encoder_layers, decoder_layers):
    """(name, shape) of every tensor in the file's order; shapes have the slowest extent first."""
    n = STATE
    norm = lambda p: [(f"{p}.weight", (n,)), (f"{p}.bias", (n,))]

    def attention(p):
        for part in ("query", "key", "value", "out"):
            yield f"{p}.{part}.weight", (n, n)
            if part != "key":
                yield f"{p}.{part}.bias", (n,)

    def block(p, crossed):
        yield from attention(f"{p}.attn")
        yield from norm(f"{p}.attn_ln")
        if crossed:
            yield from attention(f"{p}.cross_attn")
            yield from norm(f"{p}.cross_attn_ln")
        yield from [(f"{p}.mlp.0.weight", (4 * n, n)), (f"{p}.mlp.0.bias", (4 * n,))]
        yield from [(f"{p}.mlp.2.weight", (n, 4 * n)), (f"{p}.mlp.2.bias", (n,))]
        yield from norm(f"{p}.mlp_ln")

    yield "encoder.positional_embedding", (1500, n)
    yield from [("encoder.conv1.weight", (n, n_mels, 3)), ("encoder.conv1.bias", (n, 1))]
    yield from [("encoder.conv2.weight", (n, n, 3)), ("encoder.conv2.bias", (n, 1))]
    for i in range(encoder_layers):
        yield from block(f"encoder.blocks.{i}", False)
    yield from norm("encoder.ln_post")
    yield "decoder.positional_embedding", (448, n)
    yield "decoder.token_embedding.weight", (n_vocab, n)
    for i in range(decoder_layers):
        yield from block(f"decoder.blocks.{i}", True)
    yield from norm("decoder.ln")


def rule(name, shape):
    """(offset, scale) of a tensor: value = offset + scale * uniform, in float32."""
    if name.endswith("bias"):
        return 0, 0.02
    if len(shape) == 1:
        return 1, 0.1
    if name == "encoder.positional_embedding":
        return 0, 0.5
    if name == "decoder.positional_embedding":
        return 0, 0.1
    if name == "decoder.token_embedding.weight":
        return 0, 0.35
    gain = 3.0 if name.endswith(("query.weight", "key.weight")) else 1.5
    return 0, gain / float(np.prod(shape[1:])) ** 0.5


def values(name, shape, seed):
    offset, scale = rule(name, shape)
    x = uniform(name, int(np.prod(shape)), seed) * np.float32(scale)
    return (np.float32(offset) + x).reshape(shape)


def model_file(kind, ftype, seed, vocabulary):
    """The bytes of the model's file."""
    n_vocab, n_mels, encoder_layers, decoder_layers = KINDS[kind]
    out = io.BytesIO()
    out.write(struct.pack("<I11i", 0x67676D6C, n_vocab, 1500, STATE, HEADS, encoder_layers, 448, STATE, HEADS, decoder_layers,
                          n_mels, ftype))
    filters = mel_filters("cpu", n_mels).numpy()
    out.write(struct.pack("<2i", *filters.shape) + filters.astype("<f4").tobytes())
    out.write(struct.pack("<i", len(vocabulary)))
    for token in vocabulary:
        out.write(struct.pack("<I", len(token)) + token)
    for name, shape in shapes(*KINDS[kind]):
        half = ftype == 1 and len(shape) > 1 and not name.endswith("bias") and "positional" not in name
        x = values(name, shape, seed)
        out.write(struct.pack("<3i", x.ndim, len(name), int(half)) + struct.pack(f"<{x.ndim}i", *reversed(shape)))
        out.write(name.encode() + x.astype("<f2" if half else "<f4").tobytes())
    return out.getvalue()


def placeholder(_kind=None):
    return [b" %d" % i for i in range(50257)]


def checks(tensors):
    """What a maker of the same weights can compare: the sum of all bit patterns, and a few values."""
    patterns = lambda x: int(x.view("<u2" if x.dtype.itemsize == 2 else "<u4").sum(dtype=np.uint64))
    names = ["encoder.conv1.weight", "encoder.blocks.1.attn.query.weight", "decoder.token_embedding.weight", "decoder.ln.weight"]
    return {
        "tensors": len(tensors),
        "sum_of_bit_patterns": sum(patterns(x) for x in tensors.values()) % 2**64,
        "first_values": {n: [number(v) for v in tensors[n].ravel()[:4]] for n in names},
    }


def reference_of(kind, ftype, seed, out):
    header, _, _, tensors = parse(model_file(kind, ftype, seed, placeholder()))
    model = build(header, tensors)
    mel = torch.from_numpy(uniform("mel", header["n_mels"] * 3000, seed).reshape(1, header["n_mels"], 3000))
    features = model.embed_audio(mel)
    x = features[0].numpy()
    label = kind if ftype == 1 else f"{kind}-f32"
    file = f"synthetic/{label}.encoder.bin"
    eot = 50257 if header["n_vocab"] >= 51865 else 50256
    forced = [eot + 1] + [(7919 * i) % 50000 for i in range(1, 24)]
    steps = model.logits(torch.tensor([forced]), features)[0].double()
    tokens = [eot + 1]
    for _ in range(12):
        tokens.append(int(model.logits(torch.tensor([tokens]), features)[0, -1].argmax()))
    return label, {
        "header": header,
        "weights": checks(tensors),
        "encoder": {"file": file, "shape": store(out / file, x[::ROW_STRIDE]), "row_stride": ROW_STRIDE,
                    "l2": l2(x), "mean": number(x.astype(np.float64).mean()), "min": number(x.min()), "max": number(x.max())},
        "first": first_step(model, features, [eot + 1]),
        "forced": {"tokens": forced, "steps": [[int(s.argmax()), number(s.max()), number(torch.logsumexp(s, -1))] for s in steps]},
        "greedy": tokens,
    }


def mel128(clip, out):
    audio = load_audio(str(Path(__file__).resolve().parent / "speech" / clip))
    m = log_mel_spectrogram(pad_or_trim(audio), 128).numpy()
    file = f"mel128/{Path(clip).stem}.bin"
    return {"clip": clip, "file": file, "shape": store(out / file, m[:, ::MEL_STRIDE]), "frame_stride": MEL_STRIDE,
            "l2": l2(m), "mean": number(m.astype(np.float64).mean()), "min": number(m.min()), "max": number(m.max())}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = p.add_subparsers(dest="verb", required=True)
    m = verbs.add_parser("model", help="write one model file")
    m.add_argument("--kind", required=True, choices=KINDS)
    m.add_argument("--type", default="f16", choices=("f32", "f16"))
    m.add_argument("--vocabulary", type=Path)
    m.add_argument("--out", type=Path, required=True)
    r = verbs.add_parser("reference", help="write reference/synthetic.json and what belongs to it")
    r.add_argument("--out", type=Path, default=Path(__file__).resolve().parent / "reference")
    for v in (m, r):
        v.add_argument("--seed", type=int, default=1)
    a = p.parse_args()
    if a.verb == "model":
        vocabulary = parse(a.vocabulary.read_bytes())[2] if a.vocabulary else placeholder()
        a.out.write_bytes(model_file(a.kind, int(a.type == "f16"), a.seed, vocabulary))
        print(a.out, a.out.stat().st_size, "bytes")
        return
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    models = dict(reference_of(kind, 1, a.seed, a.out) for kind in KINDS)
    models.update([reference_of("en", 0, a.seed, a.out)])
    path = a.out / "synthetic.json"
    path.write_text(json.dumps({
        "seed": a.seed,
        "oracle": {"openai-whisper": whisper.__version__, "torch": torch.__version__, "dtype": "float32"},
        "uniform": {"name": "mel", "first_values": [number(v) for v in uniform("mel", 8, a.seed)]},
        "mel128": mel128("ls-1995-1837-0001.flac", a.out),
        "models": models,
    }, indent=1) + "\n")
    print(path, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
