#!/usr/bin/env python3
"""Write the token distributions of a Whisper model in exact arithmetic.

    make_distributions.py MODEL.bin --label tiny.en-q5_0 [--audio testdata/speech] [--clips A.flac B.flac] [--out testdata/reference]

Everything is computed in float64 from the widened weights of MODEL.bin (a legacy ggml file in f32, f16, q4_0, q4_1, q5_0, q5_1 or
q8_0), from the samples to the probabilities, with the exact GELU; nothing is rounded on the way. The tokens are those of
`greedy` in OUT/LABEL.json (make_reference.py). What is written is described in testdata/README.md. Needs ffmpeg and numpy.
"""

import argparse
import hashlib
import json
import math
import subprocess
from pathlib import Path

import numpy as np
from ggml_to_openai import parse

TOP = 200
SAMPLES = 480_000
N_FFT, HOP = 400, 160

erf = np.vectorize(math.erf, otypes=[np.float64])


def gelu(x):
    return 0.5 * x * (1 + erf(x / math.sqrt(2)))


def log_softmax(x):
    x = x - x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def samples_of(path):
    """16-bit samples at 16 kHz in [-1, 1), padded with zeros to 30 s."""
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-ac", "1", "-ar", "16000", "-f", "s16le", "-"]
    raw = np.frombuffer(subprocess.run(command, check=True, capture_output=True).stdout, "<i2")
    return np.pad(raw / 32768.0, (0, SAMPLES - len(raw)))


def log_mel(samples, filters):
    """[n_mels, 3000]."""
    padded = np.pad(samples, N_FFT // 2, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP][: SAMPLES // HOP]
    power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
    log = np.log10(np.maximum(filters.astype(np.float64) @ power.T, 1e-10))
    return (np.maximum(log, log.max() - 8) + 4) / 4


class Network:
    def __init__(self, header, tensors):
        self.header = header
        self.tensors = {name: x.astype(np.float64) for name, x in tensors.items()}

    def linear(self, name, x):
        bias = self.tensors.get(f"{name}.bias")
        out = x @ self.tensors[f"{name}.weight"].T
        return out if bias is None else out + bias.reshape(-1)

    def norm(self, name, x):
        mean = x.mean(-1, keepdims=True)
        variance = ((x - mean) ** 2).mean(-1, keepdims=True)
        return (x - mean) / np.sqrt(variance + 1e-5) * self.tensors[f"{name}.weight"] + self.tensors[f"{name}.bias"]

    def convolve(self, name, x, stride):
        """x is [channels, frames]; the kernel has three taps and one frame of padding on each side."""
        weight = self.tensors[f"{name}.weight"]
        padded = np.pad(x, ((0, 0), (1, 1)))
        out = sum(weight[:, :, tap] @ padded[:, tap : tap + x.shape[1] : stride] for tap in range(3))
        return gelu(out + self.tensors[f"{name}.bias"].reshape(-1, 1))

    def attend(self, name, heads, x, source, causal):
        split = lambda y: y.reshape(len(y), heads, -1).transpose(1, 0, 2)
        q, k, v = (split(self.linear(f"{name}.{part}", y)) for part, y in [("query", x), ("key", source), ("value", source)])
        scores = q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[-1])
        if causal:
            scores = np.where(np.tril(np.ones(scores.shape[1:], bool)), scores, -np.inf)
        mixed = np.exp(log_softmax(scores)) @ v
        return self.linear(f"{name}.out", mixed.transpose(1, 0, 2).reshape(x.shape))

    def feed_forward(self, block, x):
        return self.linear(f"{block}.mlp.2", gelu(self.linear(f"{block}.mlp.0", self.norm(f"{block}.mlp_ln", x))))

    def encode(self, mel):
        x = self.convolve("encoder.conv1", mel, 1)
        x = self.convolve("encoder.conv2", x, 2).T + self.tensors["encoder.positional_embedding"]
        for layer in range(self.header["n_audio_layer"]):
            block = f"encoder.blocks.{layer}"
            y = self.norm(f"{block}.attn_ln", x)
            x = x + self.attend(f"{block}.attn", self.header["n_audio_head"], y, y, False)
            x = x + self.feed_forward(block, x)
        return self.norm("encoder.ln_post", x)

    def log_probabilities(self, tokens, features):
        """[tokens, n_vocab]."""
        embedding = self.tensors["decoder.token_embedding.weight"]
        x = embedding[tokens] + self.tensors["decoder.positional_embedding"][: len(tokens)]
        heads = self.header["n_text_head"]
        for layer in range(self.header["n_text_layer"]):
            block = f"decoder.blocks.{layer}"
            y = self.norm(f"{block}.attn_ln", x)
            x = x + self.attend(f"{block}.attn", heads, y, y, True)
            x = x + self.attend(f"{block}.cross_attn", heads, self.norm(f"{block}.cross_attn_ln", x), features, False)
            x = x + self.feed_forward(block, x)
        return log_softmax(self.norm("decoder.ln", x) @ embedding.T)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("--label", required=True)
    parser.add_argument("--audio", type=Path, default=Path("testdata/speech"))
    parser.add_argument("--clips", nargs="*")
    parser.add_argument("--out", type=Path, default=Path("testdata/reference"))
    arguments = parser.parse_args()
    data = arguments.model.read_bytes()
    header, filters, _, tensors = parse(data)
    network = Network(header, tensors)
    reference = json.loads((arguments.out / f"{arguments.label}.json").read_text())
    digest = hashlib.sha256(data).hexdigest()
    if digest != reference["model"]["sha256"]:
        raise SystemExit(f"{arguments.model} is not the model of {arguments.label}.json")
    folder = arguments.out / arguments.label / "distributions"
    folder.mkdir(parents=True, exist_ok=True)
    clips = {}
    for clip in arguments.clips or sorted(reference["clips"]):
        expected = reference["clips"][clip]
        prompt, greedy = expected["first_timestamp"]["prompt"], expected["greedy"]["tokens"]
        features = network.encode(log_mel(samples_of(arguments.audio / clip), filters))
        found = network.log_probabilities(prompt + greedy, features)[len(prompt) - 1 :]
        order = np.argsort(-found, axis=1, kind="stable")[:, :TOP]
        top = np.take_along_axis(found, order, 1)
        file = folder / f"{Path(clip).stem}.bin"
        file.write_bytes(np.concatenate([order, top], 1).astype("<f4").tobytes())
        clips[clip] = {"prompt": prompt, "tokens": greedy, "shape": [len(found), 2 * TOP], "file": str(file.relative_to(arguments.out))}
        print(f"{clip}: {len(found)} distributions, {1 - np.exp(top).sum(1).min():.1e} outside of the likeliest {TOP} at most")
    text = json.dumps({"model": reference["model"], "clips": clips}, indent=1, ensure_ascii=False)
    (folder.parent / "distributions.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
