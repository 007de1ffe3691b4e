"""A version over HTTP: one record or several in, predictions out, with nothing but numpy, onnxruntime and a server."""

from overton.serve.answer import Answer, Limits, Model, answer
from overton.serve.app import Service, create_app, make_app

__all__ = ["Answer", "Limits", "Model", "Service", "answer", "create_app", "make_app"]
