"""Program, batches and targets to weights."""

from overton.train.batches import Batches, GatheredBatches, TrainingBatch, gather_batch, training_batches
from overton.train.calibrate import with_shares, with_temperatures
from overton.train.frozen import FrozenEncoder, encoder_for
from overton.train.loop import Stepped, Stop, forward_of, train, weights_of
from overton.train.loss import Objective, blind_loss, objectives_of, sets_loss, task_loss
from overton.train.paths import Heard, hearing
from overton.train.predict import Forward, ScoreDev, predict
from overton.train.ranks import ALONE, Ranks, joined, meeting_place
from overton.train.schedule import batch_size_for, epochs_for, learning_rate_at, warm_epochs_for
from overton.train.slices import Memberships, membership_loss, membership_objective, memberships_of
from overton.train.state import Checkpoint, EpochResult, Trained
from overton.train.warm import Beginning, Parent, RowChange, first_weights, parent_of, take_over

__all__ = [
    "ALONE",
    "Batches",
    "Beginning",
    "Checkpoint",
    "EpochResult",
    "Forward",
    "FrozenEncoder",
    "GatheredBatches",
    "Heard",
    "Memberships",
    "Objective",
    "Parent",
    "Ranks",
    "RowChange",
    "ScoreDev",
    "Stepped",
    "Stop",
    "Trained",
    "TrainingBatch",
    "batch_size_for",
    "blind_loss",
    "encoder_for",
    "epochs_for",
    "first_weights",
    "forward_of",
    "gather_batch",
    "hearing",
    "joined",
    "learning_rate_at",
    "meeting_place",
    "membership_loss",
    "membership_objective",
    "memberships_of",
    "objectives_of",
    "parent_of",
    "predict",
    "sets_loss",
    "take_over",
    "task_loss",
    "train",
    "training_batches",
    "warm_epochs_for",
    "weights_of",
    "with_shares",
    "with_temperatures",
]
