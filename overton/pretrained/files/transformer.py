"""A transformer from disk: a folder, a Python package that holds one, or the local cache of the Hugging Face hub."""

import hashlib
import importlib.util
import json
import re
from pathlib import Path
from typing import Any

from overton.base import OvertonError, Problem
from overton.compile import Pretrained
from overton.pretrained.given import Part

CONFIG, TOKENIZER, WEIGHTS = "config.json", "tokenizer.json", "model.safetensors"
TOKENIZER_CONFIG = "tokenizer_config.json"
MASKS = ("[MASK]", "<mask>")  # where its configuration names none
HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")
DIGEST_DIGITS = 16
PIECES = 512  # most pieces of a row, where the model does not say less
# Of a configuration these say nothing of what is computed, and differ from machine to machine.
NOISE = {"_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version"}
EXTRA_HINT = "pip install 'overton[hf]'"


def load_transformer(name: str, folder: Path, *, tune: bool = False) -> Part:
    """A pretrained encoder with its tokenizer.

    Args:
        name: A folder from the application's directory, an absolute folder, a Python package that holds a model, or a
            name on the Hugging Face hub whose files are in the local cache or can be fetched.
        folder: The directory of the application.
        tune: Whether it will be trained further.

    Raises:
        OvertonError: Where it cannot be found, is no encoder, or the packages of the extra `hf` are not installed.
    """
    need_packages()
    found = find_transformer(name, folder)
    config = json.loads((found / CONFIG).read_text(encoding="utf-8"))
    tokenizer = _tokenizer(found)
    model = _load(name, found)
    width, rows = int(model.config.hidden_size), int(model.get_input_embeddings().num_embeddings)
    weights = {f"encoder.{key}": value.float().numpy() for key, value in model.state_dict().items()}
    weights = {key: value for key, value in weights.items() if not key.startswith("encoder.pooler.")}
    text = json.dumps({key: value for key, value in sorted(config.items()) if key not in NOISE})
    digest = _digest(found)
    n = sum(value.size for value in weights.values())
    return Part(
        name=f"hf:{name}",
        facts=Pretrained(
            op="transformer.v1",
            inputs=("pieces", "piece_tokens", "features"),
            width=width,
            features={
                "pretrained": f"hf:{name}",
                "digest": digest[:DIGEST_DIGITS],
                "longest": _longest(found, config),
                "pad": int(config.get("pad_token_id") or 0),
            },
            settings={"config": text, "width": width, "mask": mask_of(found, tokenizer, rows)},
        ),
        strings=tokenizer,
        weights=weights,
        lineage={"name": f"hf:{name}", "digest": digest, "tuned": tune, "type": config["model_type"], "weights": n},
        note=f"hf:{name} is a {config['model_type']} of {n / 1e6:.1f} million weights, {'tuned' if tune else 'frozen'}",
    )


def find_transformer(name: str, folder: Path, *, fetch: bool = True) -> Path:
    """The folder of a model, with its configuration, tokenizer and weights.

    Args:
        name: See `load_transformer`.
        folder: The directory of the application.
        fetch: Whether a name of the hub that is not in the local cache may be fetched.

    Raises:
        OvertonError: Saying what was looked for and where.
    """
    places = [folder / name]
    looked = [f"a folder {folder / name}"]
    if "/" not in name:
        package = name.replace("-", "_")
        looked.append(f"a Python package {package}")
        places.extend(_in_package(package))
    for place in places:
        if (place / CONFIG).is_file():
            missing = [file for file in (TOKENIZER, WEIGHTS) if not (place / file).is_file()]
            if missing:
                hint = "Save the model with `save_pretrained` and its fast tokenizer beside it"
                message = f"the model {place} has no {' and no '.join(missing)}"
                raise OvertonError(Problem(message, "pretrained.not-usable", hint=hint))
            return place
    if HUB_NAME.fullmatch(name):
        place_or_reason = _in_hub(name, fetch=fetch)
        if isinstance(place_or_reason, Path):
            return place_or_reason
        looked.append(place_or_reason)
    raise OvertonError(
        Problem(
            message=f"there is no transformer {name!r}: looked for {', '.join(looked)}, with its {CONFIG}",
            code="pretrained.not-found",
            hint="Name a folder that `save_pretrained` wrote, or fetch the model where there is a network",
        )
    )


def may_be_fetched(name: str) -> bool:
    """Whether a name could be one of the hub, and the hub may be asked."""
    from huggingface_hub import constants

    return HUB_NAME.fullmatch(name) is not None and not constants.HF_HUB_OFFLINE


def _in_package(package: str) -> list[Path]:
    """The folder of a Python package that is installed, and the folders in it; the package is not run."""
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        return []
    root = Path(next(iter(spec.submodule_search_locations)))
    return [root, *sorted(path for path in root.iterdir() if path.is_dir())]


def _in_hub(name: str, *, fetch: bool) -> Path | str:
    """The folder of a model of the hub, from the cache if it is there; else where it was looked for in vain."""
    from huggingface_hub import constants, snapshot_download

    wanted = [CONFIG, TOKENIZER, TOKENIZER_CONFIG, WEIGHTS]
    for offline in (True, False):
        if not offline and constants.HF_HUB_OFFLINE:
            return f"a model in the cache {constants.HF_HUB_CACHE} (HF_HUB_OFFLINE is set, so not on the hub)"
        if not offline and not fetch:
            return f"a model in the cache {constants.HF_HUB_CACHE}"
        try:
            place = Path(snapshot_download(name, allow_patterns=wanted, local_files_only=offline))
        except Exception as error:  # the hub's client raises what its transports raise
            reason = type(error).__name__
            continue
        if all((place / file).is_file() for file in (CONFIG, TOKENIZER, WEIGHTS)):
            return place
        reason = f"{WEIGHTS} or {TOKENIZER} is missing there"
    return f"a model in the cache {constants.HF_HUB_CACHE}, one on the hub ({reason})"


def need_packages() -> None:
    """Look whether the packages of the extra are installed.

    Raises:
        OvertonError: Where one is not.
    """
    missing = [name for name in ("transformers", "tokenizers") if importlib.util.find_spec(name) is None]
    if missing:
        message = f"a transformer needs the packages {' and '.join(missing)}, which are not installed"
        raise OvertonError(Problem(message, "pretrained.needs-extra", hint=EXTRA_HINT))


def _load(name: str, found: Path) -> Any:
    from transformers import AutoModel
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        model = AutoModel.from_pretrained(found, use_safetensors=True, local_files_only=True)
    except (KeyError, OSError, ValueError) as error:
        message = f"transformers cannot load {found}: {error}"
        raise OvertonError(Problem(message, "pretrained.not-usable", hint="Name an encoder, such as BERT")) from None
    finally:
        if shown:
            logging.enable_progress_bar()
    if getattr(model.config, "is_encoder_decoder", False) or not hasattr(model.config, "hidden_size"):
        message = f"{name!r} is not a text encoder"
        raise OvertonError(Problem(message, "pretrained.not-usable", hint="Name an encoder, such as BERT"))
    return model


def _tokenizer(found: Path) -> str:
    """The tokenizer as serving runs it: it neither cuts nor pads, and each token begins a word."""
    value = json.loads((found / TOKENIZER).read_text(encoding="utf-8"))
    value["truncation"] = value["padding"] = None
    _begin_words(value.get("pre_tokenizer"))
    return json.dumps(value, ensure_ascii=False)


def _begin_words(part: Any) -> None:
    for inner in (part or {}).get("pretokenizers", ()):
        _begin_words(inner)
    if part and "add_prefix_space" in part:
        part["add_prefix_space"] = True


def mask_of(found: Path, tokenizer: str, rows: int) -> int | None:
    """The piece that stands for any in texts that the model was trained on; None where it knows none.

    A tokenizer may name one that came later, and for which the model's table of so many rows has none.
    """
    path = found / TOKENIZER_CONFIG
    said = json.loads(path.read_text(encoding="utf-8")).get("mask_token") if path.is_file() else None
    text = said.get("content") if isinstance(said, dict) else said
    marks = {mark["content"]: int(mark["id"]) for mark in json.loads(tokenizer).get("added_tokens") or ()}
    return next((marks[name] for name in (text, *MASKS) if marks.get(name, rows) < rows), None)


def _longest(found: Path, config: dict[str, Any]) -> int:
    path = found / TOKENIZER_CONFIG
    said = json.loads(path.read_text(encoding="utf-8")).get("model_max_length", PIECES) if path.is_file() else PIECES
    places = int(config.get("max_position_embeddings", PIECES))
    if config["model_type"] in ("camembert", "mpnet", "roberta", "xlm-roberta"):  # they count from pad + 1
        places -= int(config.get("pad_token_id") or 0) + 1
    return int(min(said, places, PIECES))


def _digest(found: Path) -> str:
    whole = hashlib.sha256()
    for file in (CONFIG, TOKENIZER, WEIGHTS):
        with (found / file).open("rb") as content:
            whole.update(hashlib.file_digest(content, "sha256").digest())
    return whole.hexdigest()
