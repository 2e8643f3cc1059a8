#!/usr/bin/env python3
"""Writes tokens.json: what OpenAI's package makes of varied text.

    pip install tiktoken
    pip download --no-deps --no-binary :all: openai-whisper    # unpack it
    ./make_tokens.py openai_whisper-20250625 > tokens.json

Only whisper/tokenizer.py and its two vocabularies are used, so PyTorch is not
needed. The file holds, for the English and the multilingual vocabulary, the ids
of each string, the list of non-speech tokens, and words cut from sentences.
"""

import base64
import importlib.util
import json
import pathlib
import random
import sys

package = pathlib.Path(sys.argv[1]) / "whisper"
spec = importlib.util.spec_from_file_location("whisper_tokenizer", package / "tokenizer.py")
tokenizer = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tokenizer)

SENTENCES = """
The quick brown fox jumps over the lazy dog.
 And so, my fellow Americans: ask not what your country can do for you.
I'm sure they've said it's what we'll do; she'd agree, you're right, don't you?
I'M SURE THEY'VE SAID IT'S WHAT WE'LL DO
'tis the season o' the witch's cat's 'll 've 're
Mr. Smith's e-mail is j.smith@example.org (call +44 20 7946 0958).
In 1984, 3.14159 and 1,000,000 were numbers; so are ½, ², Ⅳ and ٣٤.
Die Würde des Menschen ist unantastbar. Straße, Größe, Übermut.
L'été dernier, j'ai mangé des crêpes à Orléans, n'est-ce pas ?
¿Dónde está la biblioteca? ¡Allí, señor!
Zażółć gęślą jaźń. Příliš žluťoučký kůň úpěl ďábelské ódy.
Съешь же ещё этих мягких французских булок, да выпей чаю.
Ξεσκεπάζω την ψυχοφθόρα βδελυγμία.
人人生而自由，在尊严和权利上一律平等。
すべての人間は、生まれながらにして自由であり。
모든 인간은 태어날 때부터 자유로우며.
สวัสดีครับ ยินดีที่ได้รู้จัก
ສະບາຍດີ
မင်္ဂလာပါ
सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता प्राप्त है।
তোমার নাম কি?
வணக்கம் உலகம்
يولد جميع الناس أحراراً متساوين في الكرامة والحقوق.
כל בני האדם נולדו בני חורין
همهٔ افراد بشر آزاد به دنیا می‌آیند
Tất cả mọi người sinh ra đều được tự do
Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar.
ꦲꦏ꧀ꦱꦫꦗꦮ ᮘᮞ
ᚠᛇᚻ᛫ᛒᛦᚦ 𐍅𐌹𐌻𐌾𐌰 𝔘𝔫𝔦𝔠𝔬𝔡𝔢
👍🏽 👨‍👩‍👧‍👦 🇩🇪 ☕️ ♪ ♫ ♬ 「引用」『二重』
fn main() { println!("{:>8.3}\\n", x[0] as f64 / 2.0); }
#include <stdio.h>
https://example.org/a_b?c=d&e=%20f#g
!!!??? ... --- ___ *** ((())) [[]] {{}} <<>> "quoted" 'single'
<|endoftext|><|startoftranscript|><|en|><|0.00|>
[BLANK_AUDIO] (laughs) *sighs* ♪♪♪
supercalifragilisticexpialidocious antidisestablishmentarianism
Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogoch
aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
abababababababababababababababababababababababab
ﷺ ﬁ ǅ ß ẞ İ ı ſ K Å
""".strip("\n").split("\n")

EDGES = [
    "", " ", "  ", "   ", "\n", "\n\n", " \n", "\n ", "\t", "\t\t", " \t ", "\r\n", "a", " a", "  a", "a ", "a  ",
    "a\n", "a\n\n", "\n\na", "a \n b", "a  b", "a   b", "a\tb", "a\u00a0b", "a\u00a0\u00a0b", "\u3000\u3000あ", "a\u2028b",
    "a\u200bb", "\ufeffa", "e\u0301", "\u0301", "'", "''", "'s", " 's", "'S", "s's", "1's", "''s", "\u2019s", "'ll", "'l",
    "\u0000", "a\u0000b", "\u007f", "\u0085", "\ufffd", "\U0010ffff", "1a", "a1", "1 a", "a_b", "_", "__", "١٢", "x²", "㎏", "Ⅷ",
    "-", " -", " '", "♪", " ♪", "♩", "--", " --", "...", " ...", "…", "9" * 40, "x" * 40, " " * 40, "\n" * 20, "é" * 30, "漢" * 20, "🙂" * 10,
]


def mixtures(count):
    """Random strings, from letters that matter to the pattern and from all of Unicode."""
    rng = random.Random(1234)
    telling = list(" \n\t'\u00a0sdmtlrevaZ0192½é漢あ♪.,-!🙂\u0301") + ["'s", "'ll", "  ", " the", "ing"]
    for i in range(count):
        if i % 3:
            yield "".join(rng.choice(telling) for _ in range(rng.randint(1, 24)))
        else:
            limit = rng.choice([0x80, 0x600, 0x3100, 0x20000, 0x110000])
            codes = (rng.randrange(limit) for _ in range(rng.randint(1, 12)))
            yield "".join(chr(c) for c in codes if not 0xD800 <= c < 0xE000)


WORDS = [
    ("en", " And so, my fellow Americans: ask not (what) your country's \"plans\" are... don't!"),
    ("de", " Größe ist nicht alles, Ülkü – 3,5 Kilo!"),
    ("ru", " Съешь же ещё этих мягких булок."),
    ("zh", "人人生而自由，在尊严和权利上一律平等。"),
    ("ja", "すべての人間は、生まれながらにして自由。"),
    ("th", "สวัสดีครับ ยินดี"),
    ("en", " I ♪ love 👍🏽 it"),
]

texts = list(dict.fromkeys(SENTENCES + [" " + s for s in SENTENCES[:20]] + EDGES + list(mixtures(170))))
result = {"source": "openai-whisper 20250625 with tiktoken", "texts": texts}
for name, multilingual in [("gpt2", False), ("multilingual", True)]:
    lines = (package / "assets" / f"{name}.tiktoken").read_text().splitlines()
    # The last multilingual entry is empty, and so is its line's first column.
    assert all(base64.b64decode(line.split()[0]) or name == "multilingual" for line in lines)
    t = tokenizer.get_tokenizer(multilingual, num_languages=99, language="en", task="transcribe")
    encode = t.encoding.encode_ordinary
    words = []
    for language, text in WORDS:
        if not multilingual and language != "en":
            continue
        t.language = language
        ids = encode(text)
        words.append({"language": language, "ids": ids, "counts": [len(w) for w in t.split_to_word_tokens(ids)[1]]})
    t.language = "en"
    result[name] = {
        "ids": [encode(text) for text in texts],
        "non_speech": list(t.non_speech_tokens),
        "words": words,
    }
json.dump(result, sys.stdout, ensure_ascii=True, separators=(",", ":"))
print()
