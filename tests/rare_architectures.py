"""Tiny random checkpoints of the rarer architectures; see tests.tiny.

Each has a tokenizer that it is usual with, or, where its own is slow, the byte-level one.
"""

from __future__ import annotations

from collections.abc import Callable

import transformers as hf

from tests.tiny import ARCHITECTURES, Architecture

_WORDS, _BYTES = ARCHITECTURES["bert"], ARCHITECTURES["roberta"]
_SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
_SPECIAL = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "type_vocab_size": 1}


def _like(family: Architecture, config: Callable[[int, int], hf.PretrainedConfig]) -> Architecture:
    return Architecture(family.tokenizer, family.wrap, family.options, config)


def _bert(make: Callable[..., hf.PretrainedConfig], **more: object) -> Architecture:
    def config(vocabulary: int, positions: int) -> hf.PretrainedConfig:
        return make(vocab_size=vocabulary, max_position_embeddings=positions, **(_SIZES | {"pad_token_id": 0} | more))

    return _like(_WORDS, config)


def _roberta(make: Callable[..., hf.PretrainedConfig], **more: object) -> Architecture:
    def config(vocabulary: int, positions: int) -> hf.PretrainedConfig:
        return make(vocab_size=vocabulary, max_position_embeddings=positions + 2, **(_SIZES | _SPECIAL | more))

    return _like(_BYTES, config)


def _xlm(make: Callable[..., hf.PretrainedConfig]) -> Architecture:
    def config(vocabulary: int, positions: int) -> hf.PretrainedConfig:
        sizes = {"emb_dim": 32, "n_layers": 2, "n_heads": 2, "max_position_embeddings": positions}
        return make(vocab_size=vocabulary, n_words=vocabulary, pad_index=0, **sizes)

    return _like(_WORDS, config)


MORE = {
    "big_bird": _bert(hf.BigBirdConfig, attention_type="original_full"),
    "data2vec-text": _roberta(hf.Data2VecTextConfig),
    "deberta": _bert(
        hf.DebertaConfig,
        relative_attention=True,
        position_biased_input=False,
        pos_att_type=["p2c", "c2p"],
        type_vocab_size=0,
    ),
    "ernie": _bert(hf.ErnieConfig),
    "esm": _roberta(hf.EsmConfig, position_embedding_type="rotary", token_dropout=True, mask_token_id=4),
    "flaubert": _xlm(hf.FlaubertConfig),
    "ibert": _roberta(hf.IBertConfig),
    "luke": _roberta(hf.LukeConfig, entity_vocab_size=10, entity_emb_size=16),
    "megatron-bert": _bert(hf.MegatronBertConfig),
    "mobilebert": _bert(hf.MobileBertConfig, embedding_size=16, intra_bottleneck_size=32),
    "rembert": _bert(hf.RemBertConfig, input_embedding_size=16, output_embedding_size=16),
    "roberta-prelayernorm": _roberta(hf.RobertaPreLayerNormConfig),
    "roformer": _bert(hf.RoFormerConfig),
    "squeezebert": _bert(hf.SqueezeBertConfig, embedding_size=32),
    "xlm": _xlm(hf.XLMConfig),
    "xlm-roberta-xl": _roberta(hf.XLMRobertaXLConfig),
}
"""transformers' model_type -> how to make one."""

# Those that need more than text, and one whose graph cannot be made for any length.
REFUSED = {
    "convbert": _bert(hf.ConvBertConfig, embedding_size=32),
    "layoutlm": _bert(hf.LayoutLMConfig),
    "layoutlmv3": _roberta(hf.LayoutLMv3Config, coordinate_size=8, shape_size=0, visual_embed=False),
    "lilt": _bert(hf.LiltConfig, channel_shrink_ratio=4),
    "longformer": _roberta(hf.LongformerConfig, attention_window=[16, 16]),
    "markuplm": _bert(hf.MarkupLMConfig),
    "nystromformer": _bert(hf.NystromformerConfig, segment_means_seq_len=64, num_landmarks=8),
}
