"""Texts that tokenizers, offsets and word boundaries stumble over. All of them short enough for a small model."""

from __future__ import annotations

import random

from tests.tiny import TEXT

NASTY = (
    "Oslo",
    " Oslo",
    "Oslo ",
    "  Anna   Lund  ",
    "\tAnna\tLund\n",
    "Anna\r\nLund\r\n",
    "Anna\nLund\x0bOslo\x0cLisbon\x85Nairobi\u2028Oslo\u2029Lund",
    "Anna\u00a0Lund in\u202fOslo\u2003and\u3000Lisbon",
    "Anna\u200bLund\u200dOslo\ufeffLisbon\u2060Nairobi",
    "\ufeffAnna Lund",
    "Anna\x00Lund \x01Oslo\x07 \x1b[31mLisbon\x1b[0m\x7f",
    "O\u00adslo and Lis\u00adbon",
    (
        "\U0001f600 Anna \U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 Lund\U0001f600\U0001f600 "
        "\U0001f1f3\U0001f1f4 Oslo \u2764\ufe0f"
    ),
    "\U0001f44d\U0001f3fdAnna\U0001f44d\U0001f3fd",
    "Ann\u0061\u0301 Lu\u0308nd in O\u0338slo \u0301 \u0301\u0301\u0301",
    (
        "Z\u00fcrich Zu\u0308rich \u00c5ngstr\u00f6m A\u030angstro\u0308m \ufb01nance \ufb03 \u00df \u1e9e ST"
        "RASSE stra\u00dfe"
    ),
    "\u0130stanbul I\u0131i\u0130 D\u0130YARBAKIR \u0131\u015f\u0131k i\u0307",
    (
        "\u05d0\u05e0\u05d4 \u05dc\u05d5\u05e0\u05d3 in \u05d0\u05d5\u05e1\u05dc\u05d5. \u200f\u202bOslo"
        "\u202c \u0622\u0646\u0627 \u0644\u0648\u0646\u062f \u0641\u064a \u0623\u0648\u0633\u0644\u0648\u060c"
        " \u0664\u0665"
    ),
    (
        "\u5b89\u5a1c\u5728\u5965\u65af\u9646\u3002\u6771\u4eac\u3001Tokyo\u3067\u4f1a\u3044\u307e\u3057"
        "\u305f\u3002 \uff34\uff4f\uff4b\uff59\uff4f \uff8a\uff9d\uff76\uff78 \u30cf\u309a \uc548\ub098 "
        "\u110b\u1161\u11ab"
    ),
    (
        "\u0e41\u0e2d\u0e19\u0e19\u0e32\u0e44\u0e1b\u0e2d\u0e2d\u0e2a\u0e42\u0e25 \u0928\u092e\u0938\u094d"
        "\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e"
    ),
    "see https://example.org/a_b?c=d&e=%20#Oslo, mail anna.lund@example.org or ftp://x.y",
    '"Anna Lund (Oslo said: \'No!" ]}> <<Lisbon\u00bb \u201eOslo\u201c \u2018x',
    "Oslo!!! Really??? ... --- ,,, ..; ((( *** ~~~ ''' ``` \"\"\"",
    "O'Brien's U.S.-led U.S. J. Smith Inc. AT&T 3,000.50 $5 50% 10:30 1/2 rock'n'roll don't Lisbon's",
    "##Oslo ## # ##a Anna##Lund ####",
    "[CLS] Anna [SEP] Lund [MASK] Oslo [PAD] [UNK] [unk] [SEP]",
    "<s> Anna </s> Lund <mask> Oslo <pad> <unk> <s><s>",
    "Anna[SEP]Lund <mask>Oslo</s>",
    "\u2581Oslo \u2581 Anna\u2581Lund \u0120Oslo \u010a",
    "x" * 150,
    "Anna" + "\u0301" * 60 + " Lund",
    "pneumono" * 14 + " Oslo",
    "Lisbon-Oslo-Nairobi/Lund_Anna+Harbour=Bank",
    "\u00bd \u00b2 \u2460 \u2167 \u33a1 \u2122 \u210c \u1d538 \U0001d538\U0001d552\U0001d553",
    "\uff21\uff4e\uff4e\uff41\u3000\uff2c\uff55\uff4e\uff44\uff0e",
    "\ue000\ue001 \U000f0000 \uffff \ufffe \U0010ffff",
    "e\u0301\u0302\u0303 q\u0323\u0307 \u1e69 s\u0323\u0307",
    "A\u2019B \u2019Anna\u2019 \u2032 \u00b4 ` \u2013Oslo\u2014Lund\u2026",
    " . ",
    "!",
    "\u3000",
    "\u200b",
    "\u0301",
    "a",
    " a b  c   d    e ",
    "Maria Keller,Peter Lund;Anna Lund.Oslo:Lisbon",
)


def varied_sentences(count: int, *, seed: int) -> list[str]:
    """Sentences of shuffled words with punctuation, capitals, digits and odd white space sprinkled in."""
    chance = random.Random(seed)
    words = sorted({word for line in TEXT for word in line.split()})
    odd = (
        "\u00e9t\u00e9",
        "3,000",
        "U.S.",
        "don't",
        "\u4e2d\u6587",
        "\U0001f600",
        "co-op",
        "AT&T",
        "xyzzy",
        "(",
        '"',
        "\u2014",
    )
    spaces = (" ",) * 12 + ("  ", "", "\t", "\u00a0")
    sentences = []
    for _ in range(count):
        parts = []
        for _ in range(chance.randint(1, 14)):
            word = chance.choice(odd) if chance.random() < 0.15 else chance.choice(words)
            word = word.upper() if chance.random() < 0.1 else word
            parts += [word + chance.choice(("",) * 8 + (",", ".", "'s", "!")), chance.choice(spaces)]
        sentences.append("".join(parts))
    return sentences
