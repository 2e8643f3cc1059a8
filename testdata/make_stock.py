#!/usr/bin/env python3
"""Write what whisper.cpp's whisper-cli says of the test speech: reference/stock.json.

    make_stock.py WHISPER_CLI MODEL.bin... [--audio testdata/speech] [--out testdata/reference/stock.json] [--version COMMIT]

Options are OPTIONS below: greedy, no temperature fallback, no flash attention, one thread; the language is the manifest's
(English for noise). English-only models get the English clips and the noise. One process per clip, because a process carries context
from file to file. Entries of models that are not named are kept. Needs Python alone.
"""

import argparse
import hashlib
import json
import subprocess
import tempfile
from pathlib import Path

OPTIONS = ["-bs", "1", "-bo", "1", "-nf", "-nfa", "-t", "1"]


def transcribe(cli, model, audio, language):
    with tempfile.TemporaryDirectory() as folder:
        command = [cli, "-m", model, "-f", audio, "-l", language, "-np", "-oj", "-of", f"{folder}/out", *OPTIONS]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        found = json.loads(Path(folder, "out.json").read_text(errors="replace"))["transcription"]
    return {
        "text": "".join(s["text"] for s in found),
        "segments": [[s["offsets"]["from"] / 1000, s["offsets"]["to"] / 1000, s["text"]] for s in found],
    }


def main():
    here = Path(__file__).resolve().parent
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("cli")
    p.add_argument("models", nargs="+", type=Path)
    p.add_argument("--audio", type=Path, default=here / "speech")
    p.add_argument("--out", type=Path, default=here / "reference" / "stock.json")
    p.add_argument("--version", default="233fe1fc")
    a = p.parse_args()
    rows = [json.loads(line) for line in open(a.audio / "manifest.jsonl")]
    result = json.loads(a.out.read_text()) if a.out.exists() else {"models": {}}
    result.update({"whisper.cpp": a.version, "options": OPTIONS})
    for model in a.models:
        clips = {}
        for row in rows:
            language = "en" if row["language"] == "zxx" else row["language"]
            if ".en" in model.name and language != "en":
                continue
            clips[row["audio"]] = transcribe(a.cli, str(model), str(a.audio / row["audio"]), language)
        result["models"][model.stem] = {"sha256": hashlib.sha256(model.read_bytes()).hexdigest(), "clips": clips}
        a.out.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n")
        print(model.stem, len(clips), "clips")


if __name__ == "__main__":
    main()
