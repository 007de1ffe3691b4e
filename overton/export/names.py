"""Names of tensors in other runtimes: those of the signature, where they allow them."""

import re
from collections.abc import Iterable

from overton.artifact import Signature
from overton.codec import input_specs
from overton.compile import Program

UNSAFE = re.compile(r"[^A-Za-z0-9_]")


def tensor_names(program: Program, signature: Signature) -> dict[str, str]:
    """For each input and output of a version the name that any runtime takes: an identifier, the same in all.

    Example:
        >>> plain_names(["tokens.features", "Intent.logits", "slice:membership"])
        {'tokens.features': 'tokens_features', 'Intent.logits': 'Intent_logits', 'slice:membership': 'slice_membership'}
    """
    names = [spec.name for spec in input_specs(program)]
    return plain_names([*names, *(tensor.name for tensor in signature.outputs)])


def plain_names(names: Iterable[str]) -> dict[str, str]:
    """An identifier for each name, no two alike.

    Example:
        >>> plain_names(["a.b", "a_b", "1st"])
        {'a.b': 'a_b', 'a_b': 'a_b_2', '1st': 't_1st'}
    """
    plain: dict[str, str] = {}
    for name in names:
        first = found = UNSAFE.sub("_", name) if name[:1].isalpha() else f"t_{UNSAFE.sub('_', name)}"
        number = 2
        while found in plain.values():
            found, number = f"{first}_{number}", number + 1
        plain[name] = found
    return plain
