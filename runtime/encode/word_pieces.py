"""Plain words -> WordPiece tokens by the vocabulary alone, without the library.

Of a BERT's tokenizer, a word of ASCII asks for no more than lower case, a cut at punctuation, and the longest pieces
that the vocabulary has. After a backend has used up the CPU's cache, a call of the library takes 40 to 97 us for the
new words of a sentence, which was half of all that a short text took around its backend. Here a word takes 4 us then.
All other words, and all words of other tokenizers, are the library's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import partial

from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

# Largest number of words whose tokens are kept: about 60 MB, which texts in one language do not reach.
MOST_KNOWN = 250_000
# Longest word, in code points, that is read here: how many look-ups a word may take grows with its square.
_LONGEST = 20
# What a pre-tokenizer of a BERT leaves whole, among characters that are no white space.
_PARTS = re.compile(r"[A-Za-z0-9]+|.")
_ASCII = frozenset(map(chr, range(0x21, 0x7F)))


class WordPieces(dict[str, tuple[int, ...]]):
    """Token ids of words, those that were put in and the plain ones, which are put in when they are first asked for.

    Args:
        vocabulary: id of each token; empty: no word is read here.
        prefix: before a piece that does not begin a word.
        unknown: id of a part of a word that no pieces make up.
        lowercase: whether the tokenizer takes words in lower case.
        characters: that a word may have to be read here; ASCII, and no white space.
    """

    def __init__(
        self,
        vocabulary: Mapping[str, int],
        *,
        prefix: str = "##",
        unknown: int = 0,
        lowercase: bool = False,
        characters: Iterable[str] = _ASCII,
    ) -> None:
        super().__init__()
        self._again = partial(
            WordPieces, vocabulary, prefix=prefix, unknown=unknown, lowercase=lowercase, characters=characters
        )
        self._vocabulary, self._prefix, self._unknown, self._lowercase = vocabulary, prefix, unknown, lowercase
        allowed = "".join(map(re.escape, sorted(characters)))
        # Without any, what matches no word.
        self.reads = re.compile(f"[{allowed}]{{1,{_LONGEST}}}" if vocabulary and allowed else r"(?!)").fullmatch
        """Says whether a word is read here."""

    def __missing__(self, word: str) -> tuple[int, ...]:
        """The ids of a plain word; KeyError of any other that was not put in."""
        if not self.reads(word):
            raise KeyError(word)
        given = word.lower() if self._lowercase else word
        # As most words are. What has punctuation in it is cut, even where the vocabulary has it whole.
        whole = self._vocabulary.get(given, -1) if given.isalnum() else -1
        found = (whole,) if whole >= 0 else self._pieces(given)
        if len(self) < MOST_KNOWN:
            self[word] = found
        return found

    def forgotten(self) -> WordPieces:
        """The same before any word was asked for."""
        return self._again()

    def _pieces(self, word: str) -> tuple[int, ...]:
        """Of each part, the longest piece that begins it, then the longest that goes on, and so to its end."""
        get, pieces = self._vocabulary.get, list[int]()
        for part in _PARTS.findall(word):
            start, prefix, before = 0, "", len(pieces)
            while start < len(part):
                for end in range(len(part), start, -1):
                    piece = get(prefix + part[start:end], -1)
                    if piece >= 0:
                        break
                else:  # then the part as a whole is unknown
                    pieces[before:] = [self._unknown]
                    break
                pieces.append(piece)
                start, prefix = end, self._prefix
        return tuple(pieces)


def word_pieces_of(tokenizer: Tokenizer, vocabulary: Mapping[str, int]) -> WordPieces:
    """What reads the tokenizer's plain words; it reads none where other rules than a BERT's may change a word.

    Args:
        tokenizer: the library's.
        vocabulary: id of each of its tokens, those among them that were added.
    """
    model, normalizer = tokenizer.model, tokenizer.normalizer
    is_bert = isinstance(model, WordPiece) and isinstance(normalizer, BertNormalizer)
    if not is_bert or not isinstance(tokenizer.pre_tokenizer, BertPreTokenizer):
        return WordPieces({})
    if model.unk_token not in vocabulary or model.max_input_chars_per_word < _LONGEST:
        return WordPieces({})
    # A token that was added is looked for within words, as it is or normalized.
    added = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
    added += [normalizer.normalize_str(content) for content in added]
    first = {content.lstrip()[:1] for content in added}
    return WordPieces(
        vocabulary,
        prefix=model.continuing_subword_prefix,
        unknown=vocabulary[model.unk_token],
        lowercase=normalizer.lowercase,
        characters=_ASCII - first - {each.upper() for each in first} - {each.lower() for each in first},
    )
