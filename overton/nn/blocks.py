"""All blocks that a program may name, each with its version. A block whose meaning changes gets a new version."""

from collections.abc import Callable, Mapping
from functools import partial

from torch import nn

from overton.nn.aggregates import AddPooled, Attend, AttentionPool, PlainPool
from overton.nn.bilstm import BiLstm
from overton.nn.embeddings import IdEmbedding, WordEmbedding
from overton.nn.encoders import Bag, Cnn
from overton.nn.heads import ClassHead, SelectHead
from overton.nn.members import Span
from overton.nn.slices import SliceFilm, SliceMembership

# A constructor takes the settings of its node, and the shares dropped in training.
BLOCKS: Mapping[str, Callable[..., nn.Module]] = {
    "add_max.v1": partial(AddPooled, by="max"),
    "add_mean.v1": partial(AddPooled, by="mean"),
    "attend.v1": Attend,
    "attention_pool.v1": AttentionPool,
    "bag.v1": Bag,
    "bilstm.v1": BiLstm,
    "bitvector_head.v1": ClassHead,
    "cnn.v1": Cnn,
    "id_embedding.v1": IdEmbedding,
    "max_pool.v1": partial(PlainPool, by="max"),
    "mean_pool.v1": partial(PlainPool, by="mean"),
    "multiclass_head.v1": ClassHead,
    "select_head.v1": SelectHead,
    "slice_film.v1": SliceFilm,
    "slice_membership.v1": SliceMembership,
    "span.v1": Span,
    "word_embedding.v1": WordEmbedding,
}
