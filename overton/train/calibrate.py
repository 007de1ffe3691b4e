"""What is found on dev when training is over, put into weights: temperatures, and how much each of two paths counts.

A task's last layer is linear, so dividing its weights divides the logits. A head that chooses among sets has a scale
behind them instead: sets keep their odds, and bits get theirs. A chain's transitions are divided as well, so that its
sequences keep their order. Both are taken back where another training begins with the weights (`as_trained`).
"""

from collections.abc import Mapping
from dataclasses import replace

from overton.codec import transitions_name
from overton.compile import Program
from overton.train.state import Trained, Weights

SCORE = ("score.weight", "score.bias")
# What the logits of each path of a head are linear in: of the vector, and of the wide path.
PATHS = {
    "multiclass_head.v2": (SCORE, ("wide.weight",)),
    "bitvector_head.v2": (SCORE, ("wide.weight",)),
    "chain_head.v2": (SCORE, ("wide.weight",)),
    "sets_head.v1": ((*SCORE, "bits.weight"), ("wide.weight", "wide_bits.weight")),
}
# What the logits of a head are linear in. A name may be that of another layer in another head.
LAST = {**{op: (*deep, *wide) for op, (deep, wide) in PATHS.items()}, "sets_head.v1": ("scale",)}
EVEN = 0.5  # the share of the wide path in the mean that is trained


def with_temperatures(trained: Trained, program: Program, temperature: Mapping[str, float]) -> Trained:
    """The same weights, but with the logits of each task divided by its temperature."""
    factors: dict[str, float] = {}
    for task, value in temperature.items():
        head, op = _head_of(program, task)
        parts = (f"{_block_of(head)}.{part}" for part in LAST.get(op, SCORE))
        factors |= dict.fromkeys((*parts, transitions_name(head)), 1 / value)
    return replace(trained, weights=scaled(trained.weights, factors), temperature=dict(temperature))


def with_shares(trained: Trained, program: Program, share: Mapping[str, float]) -> Trained:
    """The same weights, but the wide path has that share of the mean of both paths, by task; above 0 and below 1."""
    return replace(trained, weights=scaled(trained.weights, _factors(program, share)), share=dict(share))


def as_trained(trained: Trained, program: Program) -> Weights:
    """The weights as their training left them, without what was found on dev then."""
    back = {task: 1 / value for task, value in trained.temperature.items()}
    weights = with_temperatures(trained, program, back).weights
    return scaled(weights, {name: 1 / value for name, value in _factors(program, trained.share).items()})


def path_factors(op: str, share: float) -> dict[str, float]:
    """By what the weights of a head of two paths are multiplied, that the wide one has that share of their mean."""
    deep, wide = PATHS[op]
    return dict.fromkeys(deep, (1 - share) / (1 - EVEN)) | dict.fromkeys(wide, share / EVEN)


def scaled(weights: Weights, factors: Mapping[str, float]) -> Weights:
    """The weights, some of them multiplied; a factor of what is not among them does nothing."""
    return {
        name: (value * factors[name]).astype(value.dtype) if name in factors else value
        for name, value in weights.items()
    }


def _factors(program: Program, share: Mapping[str, float]) -> dict[str, float]:
    factors: dict[str, float] = {}
    for task, value in share.items():
        head, op = _head_of(program, task)
        factors |= {f"{_block_of(head)}.{part}": factor for part, factor in path_factors(op, value).items()}
    return factors


def _head_of(program: Program, task: str) -> tuple[str, str]:
    """Name and operator of the node that computes the logits of a task."""
    name = program.outputs[task]
    return name, next(node.op for node in program.nodes if node.name == name)


def _block_of(node: str) -> str:
    return f"blocks.{node.replace('.', '/')}"
