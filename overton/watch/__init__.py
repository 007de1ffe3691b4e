"""What a build tells while it trains, written down for those who watch: TensorBoard's event files, and MLflow."""

from overton.watch.mlflow import log_build
from overton.watch.points import points_of, share_inside, told_parts

__all__ = ["log_build", "points_of", "share_inside", "told_parts"]
