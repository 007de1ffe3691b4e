"""Builds that a dashboard starts: processes of their own, whose state is in files and outlives page and server."""

from overton.web.jobs.job import Job, Stage

__all__ = ["Job", "Stage"]
