"""Where a model computes in bfloat16 while it is trained; weights, losses and the optimizer stay in float32."""

import torch

from overton.nn import Model, Transformer


def set_precision(model: Model, mixed: bool | None, device: torch.device) -> bool:
    """Set which transformers of a model compute in bfloat16 by themselves, and return whether the whole model does.

    Args:
        model: The model, on its device.
        mixed: As `overton.compile.TrainingChoices` has it.
        device: Where it is trained.
    """
    made_for_it = mixed is not False and multiplies_bfloat16(device)
    for block in model.modules():
        if isinstance(block, Transformer):
            block.in_bfloat16 = made_for_it and mixed is None
    return made_for_it and mixed is True


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether a device has units that multiply matrices of bfloat16; others get slower by it.

    Of CPUs those with AMX have them. Torch tells of that in no public place, so a version that does not is one without.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    has_tiles = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return device.type == "cpu" and has_tiles is not None and bool(has_tiles())
