#!/usr/bin/env python3
"""Write the numerical reference of a Whisper model with OpenAI's own Python package.

    make_reference.py MODEL.bin --name tiny.en [--label tiny.en-q5_0] [--audio testdata/speech] [--clips A.flac B.flac] [--long C.flac] [--out testdata/reference]

MODEL.bin is a legacy ggml file in f32, f16, q4_0, q4_1, q5_0, q5_1 or q8_0; its weights are widened to float32 and
everything is computed in float32 on the CPU with one thread. What is computed, and the format of the files, is described
in testdata/README.md. --name chooses OpenAI's official alignment heads; --label (default: the name) names the output.
Needs ffmpeg and the packages openai-whisper and torch.
"""

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
import torch
import whisper
from ggml_to_openai import load
from whisper.audio import HOP_LENGTH, N_FRAMES, load_audio, log_mel_spectrogram, mel_filters, pad_or_trim
from whisper.decoding import DecodingOptions
from whisper.timing import add_word_timestamps, find_alignment
from whisper.tokenizer import get_tokenizer

MEL_STRIDE = 11
ROW_STRIDE = 30
TOP = 20


def number(x):
    """Seven significant digits: what float32 holds."""
    return float(f"{float(x):.7g}")


def l2(x):
    return number(np.sqrt(np.sum(np.square(x.astype(np.float64)))))


def store(path, x):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(np.ascontiguousarray(x, "<f4").tobytes())
    return list(x.shape)


def first_step(model, features, prompt):
    """Unfiltered logits after the prompt's last token."""
    logits = model.logits(torch.tensor([prompt]), features)[0, -1].double()
    log_probs = logits.log_softmax(-1)
    order = torch.argsort(logits, descending=True, stable=True)[:TOP]
    return {
        "prompt": prompt,
        "argmax": int(order[0]),
        "top": [[int(i), number(logits[i]), number(log_probs[i])] for i in order],
        "l2": l2(logits.numpy()),
        "log_sum_exp": number(torch.logsumexp(logits, -1)),
    }


def segments_of(tokens, tokenizer, frames):
    """One window's tokens cut at the timestamp pairs, as whisper.transcribe does it (times in seconds)."""
    begin = tokenizer.timestamp_begin
    stamp = [t >= begin for t in tokens]
    cuts = [i + 1 for i in range(len(tokens) - 1) if stamp[i] and stamp[i + 1]]
    if cuts:
        if stamp[-2:] == [False, True]:
            cuts.append(len(tokens))
        parts = [tokens[a:b] for a, b in zip([0, *cuts], cuts)]
        spans = [((p[0] - begin) * 0.02, (p[-1] - begin) * 0.02) for p in parts]
    else:
        last = [t - begin for t in tokens if t > begin]
        parts, spans = [tokens], [(0.0, last[-1] * 0.02 if last else frames * HOP_LENGTH / 16000)]
    return [
        {"seek": 0, "start": s, "end": e, "tokens": p, "text": tokenizer.decode([t for t in p if t < tokenizer.eot])}
        for p, (s, e) in zip(parts, spans)
    ]


def word(w):
    return {"word": w["word"], "start": number(w["start"]), "end": number(w["end"]), "probability": number(w["probability"])}


def clip_reference(model, name, audio, language, stem, out):
    padded = pad_or_trim(audio)
    mel = log_mel_spectrogram(padded, model.dims.n_mels)
    assert mel.shape[1] == N_FRAMES
    features = model.embed_audio(mel[None])
    x, m = features[0].numpy(), mel.numpy()
    mel_file, encoder_file = f"mel{model.dims.n_mels}/{stem}.bin", f"{name}/encoder/{stem}.bin"
    tokenizer = get_tokenizer(
        model.is_multilingual, num_languages=model.num_languages, language=language if model.is_multilingual else None, task="transcribe"
    )
    sot = list(tokenizer.sot_sequence)
    options = DecodingOptions(language=language, temperature=0.0, fp16=False)
    result = whisper.decode(model, mel, options)
    frames = len(audio) // HOP_LENGTH

    forced = [*sot, *result.tokens, tokenizer.eot]
    log_probs = model.logits(torch.tensor([forced]), features)[0].double().log_softmax(-1)
    chosen = [number(log_probs[len(sot) - 1 + i, t]) for i, t in enumerate(forced[len(sot) :])]

    segments = segments_of(result.tokens, tokenizer, frames)
    text_tokens = [t for s in segments for t in s["tokens"] if t < tokenizer.eot]
    stamped = [(s["start"], s["end"]) for s in segments]
    aligned = find_alignment(model, tokenizer, text_tokens, mel, frames)
    add_word_timestamps(segments=segments, model=model, tokenizer=tokenizer, mel=mel, num_frames=frames, last_speech_timestamp=0.0)

    reference = {
        "samples": len(audio),
        "language": language,
        "mel": {"file": mel_file, "shape": store(out / mel_file, m[:, ::MEL_STRIDE]), "frame_stride": MEL_STRIDE,
                "l2": l2(m), "mean": number(m.astype(np.float64).mean()), "min": number(m.min()), "max": number(m.max())},
        "encoder": {"file": encoder_file, "shape": store(out / encoder_file, x[::ROW_STRIDE]), "row_stride": ROW_STRIDE,
                    "l2": l2(x), "mean": number(x.astype(np.float64).mean()), "min": number(x.min()), "max": number(x.max())},
        "first_timestamp": first_step(model, features, sot),
        "first_text": first_step(model, features, [*sot, tokenizer.no_timestamps]),
        "greedy": {
            "tokens": result.tokens,
            "text": result.text,
            "avg_logprob": number(result.avg_logprob),
            "no_speech_prob": number(result.no_speech_prob),
            "token_logprobs": chosen,
            "segments": [{"start": number(start), "end": number(end), "text": s["text"],
                          "word_start": number(s["start"]), "word_end": number(s["end"]), "words": [word(w) for w in s["words"]]}
                         for s, (start, end) in zip(segments, stamped)],
        },
        "alignment": [
            {"word": w.word, "tokens": w.tokens, "start": number(w.start), "end": number(w.end), "probability": number(w.probability)}
            for w in aligned
        ],
    }
    if model.is_multilingual:
        _, languages = model.detect_language(mel)
        best = sorted(languages.items(), key=lambda p: -p[1])[:5]
        reference["languages"] = [[code, number(p)] for code, p in best]
    return reference


def long_reference(model, audio, language):
    out = {"samples": len(audio), "language": language}
    for key, condition in (("unconditioned", False), ("conditioned", True)):
        r = model.transcribe(audio, language=language, temperature=0.0, fp16=False, word_timestamps=True, condition_on_previous_text=condition)
        out[key] = {"text": r["text"], "segments": [
            {"start": number(s["start"]), "end": number(s["end"]), "text": s["text"], "words": [word(w) for w in s["words"]]} for s in r["segments"]]}
    return out


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    here = Path(__file__).resolve().parent
    p.add_argument("model", type=Path)
    p.add_argument("--name", required=True, choices=sorted(whisper._ALIGNMENT_HEADS))
    p.add_argument("--label")
    p.add_argument("--audio", type=Path, default=here / "speech", help="folder with manifest.jsonl")
    p.add_argument("--clips", nargs="+", required=True, help="clips of at most 30 s")
    p.add_argument("--long", nargs="*", default=[], help="recordings of any length: text and words only")
    p.add_argument("--out", type=Path, default=here / "reference")
    a = p.parse_args()
    label = a.label or a.name
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    model, header, filters = load(a.model)
    model.set_alignment_heads(whisper._ALIGNMENT_HEADS[a.name])
    with open(a.audio / "manifest.jsonl") as f:
        languages = {r["audio"]: r["language"] for r in map(json.loads, f)}
    reference = {
        "model": {"name": a.name, "file": a.model.name, "sha256": hashlib.sha256(a.model.read_bytes()).hexdigest(), **header},
        "oracle": {"openai-whisper": whisper.__version__, "torch": torch.__version__, "dtype": "float32"},
        "mel_filters_max_difference": number(np.abs(mel_filters("cpu", header["n_mels"]).numpy() - filters).max()),
        "alignment_heads": model.alignment_heads.indices().T.tolist(),
        "clips": {c: clip_reference(model, label, load_audio(str(a.audio / c)), languages[c], Path(c).stem, a.out) for c in a.clips},
        "long": {c: long_reference(model, load_audio(str(a.audio / c)), languages[c]) for c in a.long},
    }
    path = a.out / f"{label}.json"
    path.write_text(json.dumps(reference, ensure_ascii=False, indent=1) + "\n")
    print(path, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
