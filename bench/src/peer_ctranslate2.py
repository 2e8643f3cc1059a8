"""One measurement of CTranslate2: the loads of whisper-bench as far as its interface has them.

python3 peer_ctranslate2.py FOLDER TYPE THREADS ENGLISH_ONLY

Prints one line of JSON, times in seconds. The encoder's time is without the keys and values of cross-attention, which
CTranslate2 computes when it decodes; a token's time includes its search, which cannot be left out. Two lengths are decoded and
the longer less the shorter counts, so that what happens once falls out.
"""

import json
import sys
import time

import ctranslate2
import numpy

folder, compute_type, threads, english_only = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == "true"
SHORT, LONG = 32, 160

started = time.perf_counter()
model = ctranslate2.models.Whisper(
    folder, device="cpu", compute_type=compute_type, intra_threads=threads, inter_threads=1
)
load = time.perf_counter() - started

end = 50256 if english_only else 50257
start = [end + 1] if english_only else [end + 1, end + 2, end + 102]
random = numpy.random.default_rng(0)
mel = random.standard_normal((1, model.n_mels, 3000)).astype(numpy.float32) * 0.3
features = ctranslate2.StorageView.from_array(mel)


def timed(work):
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def encode():
    output = model.encode(features)
    numpy.array(output)
    return output


def decode(beams, length, prompt=start):
    # The end of the text is forbidden, so that the length is what it is asked to be.
    return model.generate(
        encoded, [prompt], beam_size=beams, max_length=length, suppress_blank=False, suppress_tokens=[end]
    )


encoded = encode()
encode_s, encoded = timed(encode)
answer = {"version": ctranslate2.__version__, "load_s": load, "encode_s": encode_s}
# Texts may be no longer than 224 tokens with their prompt.
for name, beams in ("single", 1), ("batch", 5):
    decode(beams, 8)
    # The quicker of two, since a difference suffers from every disturbance twice.
    short, long = (min(timed(lambda: decode(beams, length))[0] for _ in range(2)) for length in (SHORT, LONG))
    answer[name + "_s"] = (long - short) / (LONG - SHORT) / beams
print(json.dumps(answer))
