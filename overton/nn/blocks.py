"""All blocks that a program may name, each with its version. A block whose meaning changes gets a new version."""

from collections.abc import Callable, Mapping
from functools import partial

from torch import nn

from overton.nn.aggregates import AddPooled, Attend, AttentionPool, PlainPool
from overton.nn.chain import ChainHead, WideChainHead
from overton.nn.embeddings import IdEmbedding, WordEmbedding
from overton.nn.encoders import Bag, Cnn, Dilated
from overton.nn.heads import ClassHead, SelectHead
from overton.nn.members import Span
from overton.nn.pretrained import Vectors
from overton.nn.recurrent import Recurrent
from overton.nn.self_attention import SelfAttention
from overton.nn.sets import SetsHead
from overton.nn.slices import SliceFilm, SliceMembership
from overton.nn.transformer import Transformer
from overton.nn.wide import WideHead, WidePath

# A constructor takes the settings of its node, and the shares dropped in training.
BLOCKS: Mapping[str, Callable[..., nn.Module]] = {
    "add_max.v1": partial(AddPooled, by="max"),
    "add_max.v2": partial(AddPooled, by="max", meet=True),
    "add_mean.v1": partial(AddPooled, by="mean"),
    "add_mean.v2": partial(AddPooled, by="mean", meet=True),
    "attend.v1": Attend,
    "attend.v2": partial(Attend, meet=True),
    "attention_pool.v1": AttentionPool,
    "bag.v1": Bag,
    "bigru.v1": partial(Recurrent, cell="GRU"),
    "bilstm.v1": partial(Recurrent, cell="LSTM"),
    "bitvector_head.v1": ClassHead,
    "bitvector_head.v2": WideHead,
    "chain_head.v1": ChainHead,
    "chain_head.v2": WideChainHead,
    "cnn.v1": Cnn,
    "dilated.v1": Dilated,
    "id_embedding.v1": IdEmbedding,
    "max_pool.v1": partial(PlainPool, by="max"),
    "mean_pool.v1": partial(PlainPool, by="mean"),
    "multiclass_head.v1": ClassHead,
    "multiclass_head.v2": WideHead,
    "select_head.v1": SelectHead,
    "sets_head.v1": SetsHead,
    "slice_film.v2": SliceFilm,
    "slice_membership.v1": SliceMembership,
    "span.v1": Span,
    "span.v2": partial(Span, strings=True),
    "transformer.v1": Transformer,
    "transformer_encoder.v1": SelfAttention,
    "vectors.v1": Vectors,
    "wide_text.v1": WidePath,
    "wide_tokens.v1": WidePath,
    "word_embedding.v1": WordEmbedding,
    "word_embedding.v2": WordEmbedding,
}
