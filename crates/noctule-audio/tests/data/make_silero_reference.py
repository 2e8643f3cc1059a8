#!/usr/bin/env python3
"""Writes silero_reference.json: what Silero's own network says about three clips.

"original" is the published ONNX model in ONNX Runtime. "half" is the same network in
numpy, in double precision, with the convolution weights rounded to half precision as in
whisper.cpp's file; with unrounded weights that numpy code agrees with ONNX Runtime,
which is checked here.

Needs ffmpeg, numpy, onnx, onnxruntime and the package silero-vad 6.2.3 (installed with
--no-deps: only its model files are used). Run it in this folder.
"""

import importlib.metadata
import importlib.util
import json
import pathlib
import subprocess

import numpy as np
import onnx
import onnxruntime

HERE = pathlib.Path(__file__).resolve().parent
SPEECH = HERE.parents[3] / "testdata" / "speech"
CLIPS = ["ami-ES2011a-40s-46s.flac", "kathleen-a0214.flac", "dishes.flac"]
WINDOW, CONTEXT, RATE = 512, 64, 16000


def samples(path):
    raw = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", path, "-f", "f32le", "-ac", "1", "-ar", str(RATE), "-"],
        check=True,
        capture_output=True,
    ).stdout
    return np.frombuffer(raw, dtype="<f4")


def probabilities(session, audio):
    state = np.zeros((2, 1, 128), dtype=np.float32)
    context = np.zeros(CONTEXT, dtype=np.float32)
    audio = np.pad(audio, (0, -len(audio) % WINDOW))
    out = []
    for start in range(0, len(audio), WINDOW):
        window = audio[start : start + WINDOW]
        inputs = {
            "input": np.concatenate([context, window])[None, :],
            "state": state,
            "sr": np.array(RATE, dtype=np.int64),
        }
        p, state = session.run(None, inputs)
        out.append(round(float(p[0, 0]), 6))
        context = window[-CONTEXT:]
    return out


def read_weights(path):
    return {
        tensor.name.removeprefix("model."): onnx.numpy_helper.to_array(tensor)
        for tensor in onnx.load(path).graph.initializer
    }


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def convolve(x, weight, bias, stride):
    x = np.pad(x, ((0, 0), (1, 1)))
    starts = range(0, x.shape[1] - 2, stride)
    return np.maximum(np.stack([np.tensordot(weight, x[:, t : t + 3], 2) + bias for t in starts], 1), 0)


def numpy_probabilities(w, audio, half):
    def rounded(name):
        return (w[name].astype(np.float16) if half else w[name]).astype(np.float64)

    basis = rounded("stft.forward_basis_buffer")[:, 0, :]
    convs = [
        (rounded(f"encoder.{i}.reparam_conv.weight"), w[f"encoder.{i}.reparam_conv.bias"], stride)
        for i, stride in enumerate([1, 2, 2, 1])
    ]
    output = rounded("decoder.decoder.2.weight")[0, :, 0]
    audio = np.pad(audio.astype(np.float64), (CONTEXT, -len(audio) % WINDOW))
    h, c, out = np.zeros(128), np.zeros(128), []
    for start in range(CONTEXT, len(audio), WINDOW):
        x = np.pad(audio[start - CONTEXT : start + WINDOW], (0, 64), mode="reflect")
        x = np.stack([basis @ x[t : t + 256] for t in range(0, len(x) - 255, 128)], 1)
        x = np.hypot(x[:129], x[129:])
        for weight, bias, stride in convs:
            x = convolve(x, weight, bias, stride)
        gates = w["decoder.rnn.weight_ih"] @ x[:, 0] + w["decoder.rnn.bias_ih"]
        gates = gates + w["decoder.rnn.weight_hh"] @ h + w["decoder.rnn.bias_hh"]
        i, f, g, o = np.split(gates, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        out.append(round(float(sigmoid(output @ np.maximum(h, 0) + w["decoder.decoder.2.bias"][0])), 6))
    return out


def main():
    # The package's own __init__ wants torch, which its model files do not need.
    package = pathlib.Path(importlib.util.find_spec("silero_vad").origin).parent
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(package / "data" / "silero_vad.onnx", options)
    weights = read_weights(package / "data" / "silero_vad_16k_op15.onnx")
    reference = {
        "source": f"silero-vad {importlib.metadata.version('silero-vad')}, 16 kHz",
        "original": {},
        "half": {},
    }
    for clip in CLIPS:
        audio = samples(SPEECH / clip)
        original = probabilities(session, audio)
        unrounded = numpy_probabilities(weights, audio, half=False)
        worst = np.abs(np.subtract(original, unrounded)).max()
        print(f"{clip}: numpy and ONNX Runtime differ by at most {worst:.1e}")
        assert worst < 1e-4
        reference["original"][clip] = original
        reference["half"][clip] = numpy_probabilities(weights, audio, half=True)
    (HERE / "silero_reference.json").write_text(json.dumps(reference) + "\n")


main()
