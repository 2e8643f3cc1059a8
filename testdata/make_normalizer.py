#!/usr/bin/env python3
"""Write what OpenAI's text normalisers make of 10,000 generated strings and of every character: evaluation/normalizer.json.z.

    make_normalizer.py [--out testdata/evaluation/normalizer.json.z]

Needs openai-whisper 20250625 (`pip install --no-deps openai-whisper==20250625 more-itertools regex` will do: torch is not
loaded). The file is JSON compressed by zlib. `cases` are [string, English, Basic]; every eighth goes on with the Basic normaliser's
three other settings: without diacritics, with split letters, with both. `raised` lists strings for which the English normaliser raises an
exception. `characters` tells for each block of 256 code points the SHA-256 (16 hex digits) of what becomes of SAMPLE
with each assigned character in it; `left_out` are the ranges that Python's Unicode (`unicode`) does not know, surrogates, private use, and MOVED.
"""

import argparse
import hashlib
import importlib.util
import json
import random
import sys
import types
import unicodedata
import zlib
from pathlib import Path

# The package's own __init__ would load torch.
package = types.ModuleType("whisper")
package.__path__ = list(importlib.util.find_spec("whisper").submodule_search_locations)
sys.modules["whisper"] = package
from whisper.normalizers import BasicTextNormalizer, EnglishTextNormalizer  # noqa: E402
from whisper.normalizers.english import EnglishNumberNormalizer, EnglishSpellingNormalizer  # noqa: E402

SEED = 20250625
SAMPLE = "b{0}1 {0}s mr{0} 7{0} {0}"
# Ahom consonant sign medial ra: category Mn up to Unicode 15, Mc later. No other character's treatment changed up to Unicode 18.
MOVED = {0x1171E}
SETTINGS = [(False, False), (True, False), (False, True), (True, True)]

english = EnglishTextNormalizer()
basic = [BasicTextNormalizer(remove_diacritics=d, split_letters=s) for d, s in SETTINGS]

NUMBER_WORDS = sorted(EnglishNumberNormalizer().words) + ["ninth", "ninths", "and a half", "half", "dozen", "hundredweight"]
BRITISH = sorted(EnglishSpellingNormalizer().mapping)
CONTRACTIONS = """won't can't let's ain't y'all wanna gotta gonna i'ma imma woulda coulda shoulda ma'am mr mrs st dr prof capt gov ald gen sen
rep pres rev hon asst assoc lt col jr sr esq didn't they're he's he'd we'll 't I've I'm it's o'clock rock'n'roll dogs' James's don’t
he'd been she's gone they'd done who's got can't've y'all'd mustn't've 'twas""".replace("\n", " ").split(" ")
TITLES = ["Mr.", "Mrs.", "St.", "Dr.", "Prof.", "Capt.", "Gov.", "Ald.", "Gen.", "Sen.", "Rep.", "Pres.", "Rev.", "Hon.", "Asst.",
          "Assoc.", "Lt.", "Col.", "Jr.", "Sr.", "Esq.", "MR", "Dr", "St"]
WORDS = """the a and of to in that was he it his her with as had for she not at but be on they have him which said from all this
is were so you my me one by an would there what when their we who no if been or will more them out up into do any your then man
could about very time great old good down street house king England river night colour hmm mm mhm mmm uh um um, Uh. point double
triple minus plus per cent percent half ma'am""".split()
PUNCTUATION = list(".,;:!?-–—…\"'“”‘’()[]<>{}/\\%$€£¢&*+=_~^|@#°©™§") + ["...", "..", " - ", "--", "(laughs)", "[noise]", "<unk>", "[ (x) ]",
              "()", "[]", "(a", "b)", "<a", "c]", "((d))"]
# Sentences or words of many scripts, written for this file.
SCRIPTS = """Übergröße naïve café Ærøskøbing łódź Þórshöfn œuvre Đà smørrebrød İstanbul ıssız ΟΔΥΣΣΕΥΣ Σίσυφος ΑΣ. быстрая
ёлка їжак қазақ ქართული հայերեն עִבְרִית שלום العَرَبِيَّة ١٢٣ ٣٫٥ फ़िल्म हिन्दी क्षमा २५ বাংলা தமிழ் ภาษาไทย ๑๒ ລາວ မြန်မာ ខ្មែរ
今日は 会議です カタカナ ｶﾞｷﾞ ﾊﾟ 中文测试 第一百二十三 한국어 각 ㄱㅏ Việt Nam ǅungla ﬁnance ﬀ Ⅷ ⅻ ½ ² ①② ㊿ ℃ № ™ ａｂｃ １２３ ＄５ ￡ ℌello 𝟙𝟚 𝒂𝒃 ᏣᎳᎩ
ꮳꮃꭹ é ñ ạ̈ Å 👍 👨\u200d👩\u200d👧 🇩🇪 ❤\ufe0f ☎ ♪ ♫ la ♪ zero\u200bwidth non\u00adhyphen no\u2011break  nbsp \u3000ideographic ᴬᴱ ßẞ ŉ ﷺ ﷼5 ¥300 ₹20 ₿ a\u0332b""".split()


def digits(r):
    n = r.choice([r.randint(0, 12), r.randint(0, 100), r.randint(0, 3000), r.randint(0, 10**9), r.randint(0, 10**18)])
    return r.choice([
        str(n), f"{n:,}", f"{n}.{r.randint(0, 99)}", f"{n / 100:.2f}", f"${n}", f"${n / 100:.2f}", f"£{n:,}.{r.randint(0, 99):02d}", f"€{n}",
        f"¢{r.randint(0, 120)}", f"{n}%", f"{n} %", f"-{n}", f"+{n}", f"{n}{r.choice(['st', 'nd', 'rd', 'th', 's'])}", f"{n} {r.choice(['st', 'th', 's'])}",
        f"{r.randint(1, 12)}:{r.randint(0, 59):02d}", f"{n}km", f"b{n}", f"{n}{r.choice('abxyz')}{r.randint(0, 9)}", f"0{n}", f"$0.{r.randint(0, 99):02d}",
        f"{n},{r.randint(0, 9)},{r.randint(0, 9)}", f"{r.randint(0, 255)}.{r.randint(0, 255)}.{r.randint(0, 255)}", f"{n}.", f".{n}", f"{n}'s", f"1{r.choice(['', 's', '.', '%'])}",
        f"${r.randint(0, 9)} and ¢{r.randint(0, 120)}", f"${r.randint(0, 9)} ¢{r.randint(0, 99)}", f"{n}/{r.randint(1, 9)}",
    ])


def character(r):
    while True:
        top = r.choice([0x80, 0x250, 0x600, 0x3000, 0x10000, 0x20000])
        c = chr(r.randrange(top))
        if unicodedata.category(c) not in ("Cn", "Cs", "Co"):
            return c


def piece(r, kind):
    if kind == "number":
        return r.choice(NUMBER_WORDS)
    if kind == "digits":
        return digits(r)
    if kind == "contraction":
        return r.choice(CONTRACTIONS)
    if kind == "title":
        return r.choice(TITLES)
    if kind == "british":
        return r.choice(BRITISH)
    if kind == "word":
        return r.choice(WORDS)
    if kind == "punctuation":
        return r.choice(PUNCTUATION)
    if kind == "script":
        return r.choice(SCRIPTS)
    return "".join(character(r) for _ in range(r.randint(1, 4)))


KINDS = ["number", "digits", "contraction", "title", "british", "word", "punctuation", "script", "characters"]


def string(r):
    # A few kinds at a time, so that numbers meet numbers; every kind can meet every other.
    kinds = r.choices(KINDS, weights=[8, 4, 3, 2, 2, 6, 3, 2, 2], k=r.randint(1, 4))
    pieces = [piece(r, r.choice(kinds)) for _ in range(r.randint(1, 12))]
    pieces = [r.choice([p, p, p, p, p.capitalize(), p.upper()]) for p in pieces]
    blank = lambda: r.choices([" ", "", "  ", "\t", "\n", "\u00a0", "-", ", ", "'", " '"], weights=[80, 3, 2, 1, 1, 1, 3, 4, 1, 1])[0]
    return "".join(p + blank() for p in pieces[:-1]) + pieces[-1]


def characters():
    left_out, blocks = [], {}
    for code in range(0x110000):
        if unicodedata.category(chr(code)) in ("Cn", "Cs", "Co") or code in MOVED:
            if left_out and left_out[-1][1] == code:
                left_out[-1][1] = code + 1
            else:
                left_out.append([code, code + 1])
            continue
        text = SAMPLE.format(chr(code))
        made = "\0".join([english(text), *(b(text) for b in basic)]) + "\0"
        blocks.setdefault(code // 256, hashlib.sha256()).update(made.encode())
    return left_out, {str(block): digest.hexdigest()[:16] for block, digest in blocks.items()}


def main():
    here = Path(__file__).resolve().parent
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", type=Path, default=here / "evaluation" / "normalizer.json.z")
    a = p.parse_args()
    r = random.Random(SEED)
    cases, raised = [], []
    while len(cases) < 10_000:
        text = string(r)
        row = [text, english(text), basic[0](text)]
        if len(cases) % 8 == 0:
            row += [b(text) for b in basic[1:]]
        cases.append(row)
    for text in ["9" * 4301, "1" * 4300 + ".5 decillion", "$" + "1" * 5000 + " million"]:
        try:
            english(text)
        except (AssertionError, ValueError):
            raised.append(text)
    left_out, blocks = characters()
    result = {
        "package": "openai-whisper 20250625",
        "unicode": unicodedata.unidata_version,
        "seed": SEED,
        "sample": SAMPLE,
        "settings": SETTINGS,
        "cases": cases,
        "raised": raised,
        "left_out": left_out,
        "characters": blocks,
    }
    packed = zlib.compress(json.dumps(result, ensure_ascii=False, separators=(",", ":")).encode("utf-8"), 9)
    a.out.write_bytes(packed)
    print(f"{len(cases)} cases, {len(raised)} exceptions, {len(blocks)} blocks, {len(packed)} bytes")


if __name__ == "__main__":
    main()
