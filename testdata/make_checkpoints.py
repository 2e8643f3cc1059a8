#!/usr/bin/env python3
"""Save small random Whispers as other programs do, with what those programs compute from them.

    make_checkpoints.py [--seed 1] [--out testdata/checkpoints]

openai.pt: OpenAI's package through torch.save. transformers/: WhisperForConditionalGeneration.save_pretrained.
model.gguf: the weights of openai.pt through the package gguf. All weights are float16, as published models have them;
the programs compute in float32. The token embedding repeats after the first rows, so that the files, which are
compressed by zlib (.z), stay small. expected.json: for each program the encoder's output of `mel` and the logits of the
rows of the vocabulary that differ, after each of `tokens`. Needs openai-whisper, torch, transformers and gguf.
"""

import argparse
import importlib.metadata
import io
import json
import shutil
import zlib
from pathlib import Path

import gguf
import numpy as np
import torch
import transformers
import whisper
from make_tiny_models import uniform, values
from whisper.model import ModelDimensions, Whisper

WIDTH, HEADS, VOCABULARY = 16, 2, 51865
AUDIO, TEXT, MELS = 12, 16, 80
ENCODER, DECODER = 2, 1
DISTINCT, PERIOD = 64, 61
TOKENS = [50258, 50259, 50359, 50363, 11, 2, 40000]


def tensor(name, shape, seed):
    # The rule for matrices knows OpenAI's names.
    known = name.replace("q_proj", "query").replace("k_proj", "key").replace("embed_tokens", "token_embedding")
    x = values("decoder.token_embedding.weight" if "token_embedding" in known else known, shape, seed)
    if "token_embedding" in known:
        x = x[: DISTINCT + PERIOD]
        middle = [DISTINCT + i % PERIOD for i in range(VOCABULARY - 2 * DISTINCT)]
        last = values("last", (DISTINCT, WIDTH), seed)
        x = np.concatenate([x[:DISTINCT], x[middle], last])
    return torch.from_numpy(x.astype(np.float16))


def outputs(encode, logits, seed):
    mel = torch.from_numpy(uniform("mel", MELS * 2 * AUDIO, seed).reshape(1, MELS, 2 * AUDIO))
    features = encode(mel)
    rows = list(range(DISTINCT + PERIOD)) + list(range(VOCABULARY - DISTINCT, VOCABULARY))
    table = lambda x: [[float(f"{float(v):.9g}") for v in row] for row in x]
    steps = logits(torch.tensor([TOKENS]), features)[0]
    return {"encoder": table(features[0]), "rows": rows, "logits": table(steps[:, rows]),
            "logits_l2": float(f"{float(steps.double().norm()):.9g}")}


def openai(seed, out):
    dims = ModelDimensions(n_mels=MELS, n_audio_ctx=AUDIO, n_audio_state=WIDTH, n_audio_head=HEADS, n_audio_layer=ENCODER,
                           n_vocab=VOCABULARY, n_text_ctx=TEXT, n_text_state=WIDTH, n_text_head=HEADS, n_text_layer=DECODER)
    model = Whisper(dims)
    state = {name: tensor(name, tuple(x.shape), seed) for name, x in model.state_dict().items()}
    file = io.BytesIO()
    torch.save({"dims": dims.__dict__, "model_state_dict": state}, file)
    (out / "openai.pt.z").write_bytes(zlib.compress(file.getvalue(), 9))
    save_gguf(state, out)
    model.load_state_dict({name: x.float() for name, x in state.items()})
    model.eval()
    return outputs(model.embed_audio, model.logits, seed)


def save_gguf(state, out):
    path = out / "model.gguf"
    writer = gguf.GGUFWriter(path, "whisper")
    writer.add_uint32("whisper.encoder.attention.head_count", HEADS)
    writer.add_uint32("whisper.decoder.attention.head_count", HEADS)
    for name, x in state.items():
        writer.add_tensor(name, x.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    (out / "model.gguf.z").write_bytes(zlib.compress(path.read_bytes(), 9))
    path.unlink()


def hugging_face(seed, out):
    config = transformers.WhisperConfig(
        vocab_size=VOCABULARY, num_mel_bins=MELS, d_model=WIDTH, encoder_layers=ENCODER, decoder_layers=DECODER,
        encoder_attention_heads=HEADS, decoder_attention_heads=HEADS, encoder_ffn_dim=4 * WIDTH, decoder_ffn_dim=4 * WIDTH,
        max_source_positions=AUDIO, max_target_positions=TEXT, dropout=0, attention_dropout=0)
    model = transformers.WhisperForConditionalGeneration(config).eval()
    for name, x in model.named_parameters():
        x.copy_(tensor(name, tuple(x.shape), seed))
    folder = out / "transformers"
    model.half().save_pretrained(folder)
    weights = folder / "model.safetensors"
    (folder / "model.safetensors.z").write_bytes(zlib.compress(weights.read_bytes(), 9))
    weights.unlink()
    (folder / "generation_config.json").unlink(missing_ok=True)
    model = model.float()
    encode = lambda mel: model.model.encoder(mel).last_hidden_state
    logits = lambda tokens, features: model(decoder_input_ids=tokens, encoder_outputs=(features,)).logits
    return outputs(encode, logits, seed)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--out", type=Path, default=Path(__file__).resolve().parent / "checkpoints")
    a = p.parse_args()
    shutil.rmtree(a.out, ignore_errors=True)
    a.out.mkdir(parents=True)
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    expected = {
        "oracle": {"openai-whisper": whisper.__version__, "torch": torch.__version__, "dtype": "float32",
                   "transformers": transformers.__version__, "gguf": importlib.metadata.version("gguf")},
        "seed": a.seed, "tokens": TOKENS,
        "openai": openai(a.seed, a.out), "transformers": hugging_face(a.seed + 1, a.out),
    }
    (a.out / "expected.json").write_text(json.dumps(expected) + "\n")
    for path in sorted(a.out.rglob("*")):
        print(path, path.stat().st_size)


if __name__ == "__main__":
    main()
