#!/usr/bin/env python3
"""Write what jiwer counts in pairs of texts: evaluation/alignment.json.z.

    make_alignment.py [--out testdata/evaluation/alignment.json.z]

Needs jiwer 4.0. The file is JSON compressed by zlib: `words` and `characters` are lists of [reference, hypothesis, [hits, substitutions,
deletions, insertions]]. Some hypotheses are edited references, some have nothing to do with them; few different words make many
alignments that are equally good.
"""

import argparse
import json
import random
import zlib
from importlib.metadata import version
from pathlib import Path

import jiwer

SEED = 4


def edited(r, reference, vocabulary, rate):
    hypothesis = []
    for word in reference:
        draw = r.random() / rate
        if draw < 0.3:
            continue
        hypothesis.append(r.choice(vocabulary) if draw < 0.8 else word)
        if 0.8 <= draw < 1:
            hypothesis += r.choices(vocabulary, k=r.randint(1, 3))
    return hypothesis


def texts(r, longest):
    vocabulary = [f"w{i}" for i in range(r.choice([2, 4, 10, 100, 1000]))]
    reference = r.choices(vocabulary, k=r.randint(1, longest))
    if r.random() < 0.2:
        return reference, r.choices(vocabulary, k=r.randint(0, longest))
    return reference, edited(r, reference, vocabulary, r.choice([0.02, 0.1, 0.3, 0.8]))


def counts(output):
    return [output.hits, output.substitutions, output.deletions, output.insertions]


def main():
    here = Path(__file__).resolve().parent
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", type=Path, default=here / "evaluation" / "alignment.json.z")
    a = p.parse_args()
    r = random.Random(SEED)
    words, characters = [], []
    for longest in [40] * 1500 + [400] * 40 + [4000] * 4:
        reference, hypothesis = (" ".join(text) for text in texts(r, longest))
        words.append([reference, hypothesis, counts(jiwer.process_words(reference, hypothesis))])
        if longest == 40 and len(words) % 3 == 0:
            characters.append([reference, hypothesis, counts(jiwer.process_characters(reference, hypothesis))])
    result = {"package": f"jiwer {version('jiwer')}", "seed": SEED, "words": words, "characters": characters}
    packed = zlib.compress(json.dumps(result, separators=(",", ":")).encode(), 9)
    a.out.write_bytes(packed)
    print(len(words), len(characters), len(packed))


if __name__ == "__main__":
    main()
