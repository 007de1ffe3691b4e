import pytest

from overton.base import OvertonError
from overton.kit import SERVING, pinned, serving_roots

INSTALLED = {
    **{name: ("1.0", []) for name in SERVING},
    "numpy": ("2.4.6", []),
    "onnxruntime": ("1.32.0+cpu", ["numpy>=1.21.6", "Proto_Buf>=4", "sympy; extra == 'symbolic'"]),
    "proto-buf": ("7.0", []),
    "sympy": ("1.14", []),
    "starlette": ("1.10.0", ["anyio<5,>=4", "colorama; sys_platform == 'win32'", "httpx; extra == 'full'"]),
    "anyio": ("4.16.0", ["starlette"]),
    "httpx": ("0.28", []),
    "tokenizers": ("0.23", ["huggingface-hub<3"]),
    "huggingface-hub": ("2.4", []),
}


def test_what_serving_needs_is_pinned_with_what_that_needs() -> None:
    found = pinned(SERVING, INSTALLED.get)
    assert found == {
        **dict.fromkeys(SERVING, "1.0"),
        "anyio": "4.16.0",  # which requires starlette in turn
        "numpy": "2.4.6",
        "onnxruntime": "1.32.0",
        "proto-buf": "7.0",
        "starlette": "1.10.0",
    }
    assert list(found) == sorted(found)


def test_a_version_that_reads_pieces_of_words_needs_tokenizers_and_nothing_to_download_with() -> None:
    roots = serving_roots(["model.onnx", "tokenizer.tokens.json"])
    assert set(pinned(roots, INSTALLED.get)) - set(pinned(SERVING, INSTALLED.get)) == {"tokenizers"}
    assert serving_roots(["model.onnx", "strings.tokens.txt"]) == SERVING


def test_a_package_that_is_missing_is_named() -> None:
    without = {name: told for name, told in INSTALLED.items() if name not in ("numpy", "uvloop")}
    with pytest.raises(OvertonError, match=r"needs the package numpy.*\[kit.not-installed\]"):
        pinned(SERVING, without.get)
    without["numpy"] = ("2.0", [])
    assert "uvloop" not in pinned(SERVING, without.get)
