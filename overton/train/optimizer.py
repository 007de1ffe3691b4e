"""The step down the gradient: AdamW, and for a large table a step of those rows alone that a batch has read."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor, nn

from overton.compile import TrainingChoices
from overton.nn import Model, Transformer, WidePath
from overton.train.ranks import Ranks

LARGEST_GRADIENT = 5.0
MEMORY = 0.999  # of a row's mean square, for each time that a batch reads the row


class RowSteps(torch.optim.Optimizer):
    """Steps of the rows that have a gradient, each divided by the root of the running mean square of its row.

    AdamW reads and writes every row of a table in every step, and of the tens of thousands of a wide path a batch
    reads one in fifty: that was half of the time of a training. There is no momentum, which would go on to move rows
    that no batch reads, no decay of weights, and one number of state a row.

    Source: Kingma & Ba 2015, arXiv:1412.6980, without the first moment; one number a row as in Mudigere et al. 2022,
    arXiv:2104.05158, section 4.
    """

    def __init__(self, tables: Iterable[Tensor] | Iterable[dict[str, Any]], lr: float) -> None:
        super().__init__(tables, {"lr": lr, "share": 1.0})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move the rows of every table, whose gradients are sparse and coalesced."""
        for group in self.param_groups:
            for table in group["params"]:
                if table.grad is not None:
                    _step_rows(table, self.state[table], group["lr"])


def _step_rows(table: Tensor, state: dict[str, Tensor], learning_rate: float) -> None:
    if not state:
        state["step"] = torch.zeros((), device=table.device)
        state["square"] = torch.zeros(len(table), device=table.device)
    assert table.grad is not None
    rows, gradient = table.grad.indices()[0], table.grad.values()
    state["step"] += 1
    square = state["square"][rows].mul_(MEMORY).add_(gradient.square().mean(1), alpha=1 - MEMORY)
    state["square"][rows] = square
    # By the steps of the table, not by how often each row was read: one that is first read late moves further.
    scaled = square / (1 - MEMORY ** float(state["step"]))
    table.index_add_(0, rows, gradient / (scaled.sqrt() + 1e-8).unsqueeze(1), alpha=-learning_rate)


class Optimizer:
    """What moves all weights of a model that learn.

    Attributes:
        parts: The optimizers of torch; no weight is in two of them.
    """

    def __init__(self, model: Model, settings: TrainingChoices) -> None:
        whole, by_rows = _groups(model, settings)
        self._names = {id(weight): name for name, weight in model.named_parameters()}
        self._weights = [weight for weight in model.parameters() if weight.requires_grad]
        self._tables = {id(table) for group in by_rows for table in group["params"]}
        self.parts: Sequence[torch.optim.Optimizer] = [
            torch.optim.AdamW(whole, lr=settings.learning_rate, fused=True),
            *([RowSteps(by_rows, settings.learning_rate)] if by_rows else []),
        ]
        self.learning_rate = 0.0  # of the last step

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for part in self.parts:
            part.zero_grad(set_to_none=True)

    def add_up(self, ranks: Ranks) -> None:
        """Make the gradients those of all ranks together; zero where none of a rank's records has one."""
        whole = []
        for weight in self._weights:
            if id(weight) in self._tables:
                own = weight.grad
                if own is None:
                    none = torch.zeros(1, 0, dtype=torch.int64), torch.zeros(0, weight.shape[1], dtype=weight.dtype)
                    own = torch.sparse_coo_tensor(*none, weight.shape, device=weight.device, check_invariants=False)
                weight.grad = ranks.add_rows(_rows(own))
            else:
                weight.grad = torch.zeros_like(weight) if weight.grad is None else weight.grad
                whole.append(weight.grad)
        ranks.add(whole)

    def step(self, learning_rate: float) -> None:
        """Go one step, the gradient cut to a length of `LARGEST_GRADIENT`."""
        self.learning_rate = learning_rate
        gradients = []
        for weight in self._weights:
            if weight.grad is not None and id(weight) in self._tables:
                weight.grad = _rows(weight.grad)
                gradients.append(weight.grad.values())
            elif weight.grad is not None:
                gradients.append(weight.grad)
        scale = (LARGEST_GRADIENT / (nn.utils.get_total_norm(gradients) + 1e-6)).clamp(max=1.0)
        for gradient in gradients:
            gradient.mul_(scale)
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = learning_rate * group["share"]
            part.step()

    def state(self) -> dict[str, ndarray]:
        """The state of every weight, by `<weight>/<name of the state>`."""
        return {
            f"{self._names[id(weight)]}/{key}": value.detach().cpu().numpy().copy()
            for part in self.parts
            for weight, state in part.state.items()
            for key, value in state.items()
        }

    def restore(self, state: Mapping[str, ndarray]) -> None:
        """Go on with a state that `state` gave."""
        for part in self.parts:
            for group in part.param_groups:
                for weight in group["params"]:
                    prefix = f"{self._names[id(weight)]}/"
                    part.state[weight] = {
                        key.removeprefix(prefix): torch.from_numpy(np.array(value)).to(weight.device)
                        for key, value in state.items()
                        if key.rpartition("/")[0] + "/" == prefix
                    }


def _groups(model: Model, settings: TrainingChoices) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The weights that learn, without tables, and the tables: matrices decay; a transformer learns at its own rate."""
    tables = {id(table) for table in _tables(model)}
    slow = {id(weight) for block in model.modules() if isinstance(block, Transformer) for weight in block.parameters()}
    shares = {True: settings.hf_learning_rate / settings.learning_rate, False: 1.0}
    whole: dict[tuple[bool, bool], list[Tensor]] = {}
    by_rows: dict[bool, list[Tensor]] = {}
    for weight in filter(lambda weight: weight.requires_grad, model.parameters()):
        is_slow = id(weight) in slow
        if id(weight) in tables:
            by_rows.setdefault(is_slow, []).append(weight)
        else:
            whole.setdefault((is_slow, weight.ndim > 1), []).append(weight)
    decays = {True: settings.weight_decay, False: 0.0}
    return (
        [
            {"params": weights, "weight_decay": decays[is_matrix], "share": shares[is_slow]}
            for (is_slow, is_matrix), weights in whole.items()
        ],
        [{"params": weights, "share": shares[is_slow]} for is_slow, weights in by_rows.items()],
    )


def _rows(gradient: Tensor) -> Tensor:
    """The gradient of a table as the rows that have one; whole where a transformer read its table by its own ways."""
    return gradient.coalesce() if gradient.is_sparse else gradient.to_sparse(1)


def _tables(model: Model) -> list[Tensor]:
    """The weights of which a batch reads a few rows: the pieces of wide paths, and those of a transformer."""
    found = [
        block.pieces.weight if isinstance(block, WidePath) else block.table
        for block in model.modules()
        if isinstance(block, WidePath | Transformer)
    ]
    return [table for table in found if table is not None]
