"""A version over HTTP: one record or several in, predictions out, with nothing but numpy, onnxruntime and a server."""

from overton.serve.answer import Model, answer
from overton.serve.limits import Answer, Limits
from overton.serve.routes import create_app, make_app
from overton.serve.service import Service
from overton.serve.settings import Place, Settings

__all__ = ["Answer", "Limits", "Model", "Place", "Service", "Settings", "answer", "create_app", "make_app"]
