"""Writes cases.json: word alignments by OpenAI's own code on made-up attention.

Needs openai-whisper 20250625 (with torch and numba):  python make_cases.py > cases.json

The attention is not stored. Both sides build it from the case's seed and the
frame around which each decoder row looks, see `attention`.
"""

import json
import math

import numpy as np
import torch
from whisper import timing

EOT, NO_TIMESTAMPS = 1000, 1003


class Random:
    """Knuth's MMIX congruential generator; `unit` is in [0, 1)."""

    def __init__(self, seed):
        self.state = seed

    def unit(self):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) / 2**31

    def below(self, n):
        return int(self.unit() * n)


def attention(random, heads, centres, frames):
    """Logits, heads × rows × frames: a peak around each row's centre under noise."""
    qk = np.empty((heads, len(centres), frames), np.float32)
    for h in range(heads):
        for r, centre in enumerate(centres):
            for f in range(frames):
                qk[h, r, f] = 4.0 - 0.5 * min(abs(f - centre), 16) + 2.0 * random.unit()
    return qk


class CrossAttention(torch.nn.Module):
    def __init__(self, qk):
        super().__init__()
        self.qk = torch.from_numpy(qk)[None]

    def forward(self, x):
        return x, self.qk


class Block(torch.nn.Module):
    def __init__(self, qk):
        super().__init__()
        self.cross_attn = CrossAttention(qk)


class Model:
    """One layer whose heads are all alignment heads."""

    device = "cpu"

    def __init__(self, qk, logits):
        self.dims = type("Dims", (), {"n_text_layer": 1})
        self.decoder = type("Decoder", (), {"blocks": [Block(qk)]})
        self.alignment_heads = torch.ones(1, qk.shape[0], dtype=torch.bool).to_sparse()
        self.logits = logits

    def __call__(self, mel, tokens):
        self.decoder.blocks[0].cross_attn(mel)
        return self.logits[None]


class Tokenizer:
    eot, no_timestamps = EOT, NO_TIMESTAMPS

    def __init__(self, sot_len, words):
        self.sot_sequence = [1001] * sot_len
        self.words = words

    def split_to_word_tokens(self, tokens):
        groups, at = [], 0
        for word in self.words:
            groups.append(tokens[at : at + len(word)])
            at += len(word)
        return ["".join(word) for word in self.words] + ["<|endoftext|>"], groups + [tokens[at:]]


VOCABULARY = [[" the"], [" b", "ird"], [" sang"], [" un", "believ", "ably"], [" “"], ["loud"], [" a"], [" -"], [" tree"]]
MARKS = [[","], ["."], ["?"], ["!\""], ["。"], ["..."], ["”"]]


def make(seed):
    random = Random(seed)
    segments, centres, frame = [], [], random.below(60)
    sot_len = 1 + 2 * random.below(2)
    for _ in range(1 + random.below(3)):
        words = []
        for i in range(1 + random.below(8)):
            if i > 0 and random.unit() < 0.25:
                words.append(MARKS[random.below(len(MARKS))])
            words.append(VOCABULARY[random.below(len(VOCABULARY))])
        if words[-1][0] in (" “", " -"):
            # Merging it into the next segment is where noctule differs on purpose.
            words.append([" end"])
        start = frame
        for token in [token for word in words for token in word]:
            centres.append(frame)
            frame += 2 + random.below(16) + (50 + random.below(60) if random.unit() < 0.1 else 0)
        jitter = (random.below(101) - 50) * (random.unit() < 0.5)
        segments.append({"start": max(0, start + jitter) / 50, "end": frame / 50, "words": words})
    rows = [0] * sot_len + centres + [frame, frame]
    used = frame + random.below(80)
    case = {
        "seed": seed,
        "heads": 1 + random.below(4),
        "sot_len": sot_len,
        "centres": rows,
        "frames_used": used,
        "frames_total": used + random.below(20),
        "seek": random.below(3) * 1000,
        "last_speech": 0.0,
        "segments": segments,
    }
    offset = case["seek"] / 100
    for segment in segments:
        segment["start"] = round(segment["start"] + offset, 2)
        segment["end"] = round(segment["end"] + offset, 2)
    case["last_speech"] = round(offset - 2 * random.unit() * (offset > 0), 2)
    return case


def solve(case):
    random = Random(case["seed"] + 1)
    qk = attention(random, case["heads"], case["centres"], case["frames_total"])
    words = [word for segment in case["segments"] for word in segment["words"]]
    count = sum(map(len, words))
    probabilities = [0.05 + 0.9 * random.unit() for _ in range(count)]
    # Each text token is its position; its logit makes the softmax over EOT tokens give its probability.
    logits = torch.zeros(len(case["centres"]), EOT)
    for i, p in enumerate(probabilities):
        logits[case["sot_len"] + i, i] = math.log(p / (1 - p) * (EOT - 1))
    segments, at = [], 0
    for segment in case["segments"]:
        tokens = range(at, at + sum(map(len, segment["words"])))
        at = tokens.stop
        segments.append({"seek": case["seek"], "start": segment["start"], "end": segment["end"], "tokens": list(tokens)})
    timing.add_word_timestamps(
        segments=segments,
        model=Model(qk, logits),
        tokenizer=Tokenizer(case["sot_len"], words),
        mel=torch.zeros(1),
        num_frames=2 * case["frames_used"],
        last_speech_timestamp=case["last_speech"],
    )
    case["expected"] = [
        {
            "start": float(segment["start"]),
            "end": float(segment["end"]),
            "words": [
                [word["word"], float(word["start"]), float(word["end"]), round(float(word["probability"]), 5)]
                for word in segment["words"]
            ],
        }
        for segment in segments
    ]
    return case


cases = [solve(make(seed)) for seed in range(48)]
print("[" + ",\n".join(json.dumps(case, ensure_ascii=False, separators=(",", ":")) for case in cases) + "]")
