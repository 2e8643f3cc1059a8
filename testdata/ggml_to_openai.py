"""Read a legacy ggml Whisper file into OpenAI's reference implementation.

`load(path)` returns (model, header, filters): a `whisper.model.Whisper` in float32 on the CPU whose weights are the
file's (widened, nothing rounded), the header's fields by name, and the file's mel filters [n_mels, 201].
Layout of the file: magic 0x67676d6c, eleven i32 (FIELDS), the filters (i32 rows, i32 columns, f32 values), the
vocabulary (i32 count, then u32 length and bytes), then tensors until the end (i32 dimensions, i32 name length, i32 type,
i32 extents with the fastest first, name, values without padding). Everything is little-endian. A quantised row is a sequence of blocks of 32 weights; the layouts
are ggml's (ggml-common.h): f16 scale, f16 minimum (the _1 types), u32 of fifth bits (the q5 types), then the codes, where
the low nibbles of the 16 bytes are weights 0-15 and the high ones 16-31.
"""

import struct

import numpy as np

FIELDS = (
    "n_vocab n_audio_ctx n_audio_state n_audio_head n_audio_layer n_text_ctx n_text_state n_text_head n_text_layer n_mels ftype"
).split()
TYPES = {0: np.dtype("<f4"), 1: np.dtype("<f2")}
#         ggml type: bytes a block, has a minimum, has fifth bits, offset of the codes
BLOCKS = {2: (18, False, False, 8), 3: (20, True, False, 0), 6: (22, False, True, 16), 7: (24, True, True, 0), 8: (34, False, False, 0)}


def dequantise(kind, raw):
    """Blocks [n, bytes] of one of BLOCKS as float32 [n, 32]."""
    _, minimum, fifth, offset = BLOCKS[kind]
    half = lambda at: raw[:, at : at + 2].copy().view("<f2").astype(np.float32)
    if kind == 8:
        return half(0) * raw[:, 2:].copy().view(np.int8).astype(np.float32)
    at = 4 if minimum else 2
    codes = np.concatenate([raw[:, -16:] & 15, raw[:, -16:] >> 4], axis=1)
    if fifth:
        codes |= np.unpackbits(raw[:, at : at + 4], axis=1, bitorder="little") << 4
    x = half(0) * (codes.astype(np.float32) - np.float32(offset))
    return x + half(2) if minimum else x


def parse(data):
    """Header, mel filters, vocabulary (list of bytes) and tensors (name -> array) of a file's bytes."""
    magic, *values = struct.unpack_from("<I11i", data, 0)
    if magic != 0x67676D6C:
        raise SystemExit("not a legacy ggml file")
    header = dict(zip(FIELDS, values))
    rows, columns = struct.unpack_from("<2i", data, 48)
    filters = np.frombuffer(data, "<f4", rows * columns, 56).reshape(rows, columns)
    at = 56 + 4 * rows * columns
    (count,) = struct.unpack_from("<i", data, at)
    at += 4
    vocabulary = []
    for _ in range(count):
        (length,) = struct.unpack_from("<I", data, at)
        vocabulary.append(data[at + 4 : at + 4 + length])
        at += 4 + length
    tensors = {}
    while at < len(data):
        dims, length, kind = struct.unpack_from("<3i", data, at)
        extents = struct.unpack_from(f"<{dims}i", data, at + 12)
        at += 12 + 4 * dims
        name = data[at : at + length].decode()
        at += length
        n = int(np.prod(extents))
        if kind in BLOCKS:
            size = BLOCKS[kind][0]
            raw = np.frombuffer(data, np.uint8, n // 32 * size, at).reshape(-1, size)
            tensors[name] = dequantise(kind, raw).reshape(extents[::-1])
            at += raw.size
            continue
        if kind not in TYPES:
            raise SystemExit(f"{name}: ggml type {kind} is not one that this tool reads")
        tensors[name] = np.frombuffer(data, TYPES[kind], n, at).reshape(extents[::-1])
        at += n * TYPES[kind].itemsize
    return header, filters, vocabulary, tensors


def build(header, tensors):
    """A float32 `Whisper` that holds the tensors; every parameter must be present and of the right size."""
    # Here, because who only parses needs neither.
    import torch
    from whisper.model import ModelDimensions, Whisper

    model = Whisper(ModelDimensions(**{k: v for k, v in header.items() if k != "ftype"}))
    wanted = model.state_dict()
    if set(wanted) != set(tensors):
        raise SystemExit(f"tensors differ: {sorted(set(wanted) ^ set(tensors))[:5]}")
    state = {n: torch.from_numpy(x.astype(np.float32)).reshape(wanted[n].shape) for n, x in tensors.items()}
    model.load_state_dict(state)
    return model.eval()


def load(path):
    """See the module's description."""
    with open(path, "rb") as f:
        header, filters, _, tensors = parse(f.read())
    return build(header, tensors), header, filters
