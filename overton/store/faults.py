"""What a backend has to complain of, as a problem that a user can do something about.

The clients of the clouds tell everything in one text, the server's own words among it; what matters is picked out.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

from overton.base import OvertonError, Problem

SERVER_SAYS = re.compile(r"<Message>(?P<message>[^<]*)</Message>|\"message\": *\"(?P<json>[^\"]*)\"")
STATUS = re.compile(r"non-2xx status code: (?P<status>\d{3}[A-Za-z ]*)")
ADDRESS = re.compile(r"(?P<address>https?://[^/\s]+)")
NO_BUCKET = ("NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist", "bucket does not exist")
# Where a cloud's own machines are asked who they are: nobody asks there who was told.
METADATA = ("/latest/api/token", "/computeMetadata/", "/metadata/identity", "Account must be specified")
UNREACHABLE = ("error sending request", "HTTP error", "operation timed out", "request or response body error")
FULL = ("(os error 27)", "(os error 28)", "(os error 122)")
OF_THE_STORE = ("store.denied", "store.unreachable", "store.unusable")
CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and AWS_REGION or AWS_ENDPOINT_URL where the server is another",
    "gs": "GOOGLE_SERVICE_ACCOUNT or GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}


@contextmanager
def told(url: str) -> Iterator[None]:
    """Tell what a backend raises in the block as a problem of the user's.

    Raises:
        OvertonError: About the store at `url`, in place of the error of the backend.
    """
    try:
        yield
    except (BaseError, OSError, ValueError) as error:
        raise OvertonError(explain(error, url)) from error


def explain(error: Exception, url: str) -> Problem:
    """One error of a backend as a problem of the user's."""
    text = str(error)
    scheme = url.partition("://")[0]
    hint = f"Set {CREDENTIALS[scheme]}, in the environment" if scheme in CREDENTIALS else ""
    status, server = STATUS.search(text), SERVER_SAYS.search(text)
    says = (server["message"] or server["json"]) if server else status["status"] if status else ""
    if any(mark in text for mark in METADATA):
        return Problem("no credentials were found for it", "store.denied", path=url, hint=hint)
    if lacks_bucket(error):
        hint = "Create it with the tools of the cloud; Overton creates none"
        return Problem("its bucket or container does not exist", "store.unusable", path=url, hint=hint)
    denied = status is not None and status["status"][:3] in ("401", "403")
    if denied or (isinstance(error, PermissionDeniedError | UnauthenticatedError) and scheme in CREDENTIALS):
        reason = says.rstrip(".") or "no reason given"
        return Problem(f"access is refused: {reason}", "store.denied", path=url, hint=hint)
    if any(mark in text for mark in FULL):
        hint = "Make room, then do the same again: what was written is used, and nothing half written counts"
        return Problem("there is no space left to write to", "store.full", path=url, hint=hint)
    if status is None and any(mark in text for mark in UNREACHABLE):
        address = ADDRESS.search(text)
        hint = "Check the network and the endpoint (AWS_ENDPOINT_URL for another server than the cloud's own)"
        message = f"{address['address'] if address else 'the server'} does not answer"
        return Problem(message, "store.unreachable", path=url, hint=hint)
    reason = f"the server says {says}" if says else text.partition("\n")[0]
    hint = "Check that it exists, that you may read and write it, and the credentials in the environment"
    return Problem(f"the store cannot be used: {reason}", "store.unusable", path=url, hint=hint)


def is_of_the_store(error: OvertonError) -> bool:
    """Whether a fault is one of the whole store, or of the way to it, and says nothing of what lies there."""
    return error.problems[0].code in OF_THE_STORE


def lacks_bucket(error: Exception) -> bool:
    """Whether an object is not found because there is not even a bucket."""
    return any(mark in str(error) for mark in NO_BUCKET)
