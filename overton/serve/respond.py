"""An answer as Starlette sends it."""

from starlette.responses import Response

from overton.serve.limits import Answer


def respond(value: Answer) -> Response:
    """The response of an answer."""
    return Response(value.body, value.status, value.headers, media_type=value.media_type)
