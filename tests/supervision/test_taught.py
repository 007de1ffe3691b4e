"""Targets in which a trained model has a voice."""

import numpy as np

from overton.codec import Predictions
from overton.schema import Task
from overton.supervision import Targets, taught_by

TASK = Task("T", "p", "multiclass", ("a", "b"))


def test_votes_and_model_share_a_target_and_the_model_speaks_alone_where_nobody_voted() -> None:
    targets = Targets(TASK, np.array([0, 2, 3, 4]), np.array([0, -1, 0, 1], np.int32), np.eye(2, dtype=np.float32))
    said = np.array([[0.5, 0.5], [0.25, 0.75], [0.0, 1.0]], np.float32)
    predictions = Predictions(TASK, np.array([0, 2, 3]), said, said.argmax(1).astype(np.int32))
    taught = taught_by(targets, predictions, np.array([0, 2]), share=0.25)
    # Record 1 is none of those that were predicted: its target is what it was.
    np.testing.assert_allclose(taught.to_array(), [[0.875, 0.125], [0.25, 0.75], [1, 0], [0, 1]])


def test_what_the_model_cannot_say_stays_without_a_target() -> None:
    select = Task("S", "p", "select", ())
    targets = Targets(select, np.arange(3), np.array([-1, 0], np.int32), np.array([[1, 0]], np.float32))
    said = np.array([[0, 0, 0], [0.5, 0.25, 0.25]], np.float32)
    predictions = Predictions(select, np.arange(3), said, np.array([-1, 0], np.int32))
    taught = taught_by(targets, predictions, np.arange(2), share=0.5)
    assert taught.has_target().tolist() == [False, True]
    np.testing.assert_allclose(taught.gather(np.array([1]))[0], [[[0.75, 0.125, 0.125]]])


def test_a_model_that_is_taken_for_certain_gives_its_labels() -> None:
    targets = Targets(TASK, np.arange(3), np.array([0, -1], np.int32), np.eye(2, dtype=np.float32))
    said = np.array([[0.4, 0.6], [0.7, 0.3]], np.float32)
    # The likeliest sequence need not be the likeliest class of each by itself.
    predictions = Predictions(TASK, np.arange(3), said, np.array([1, 1], np.int32))
    taught = taught_by(targets, predictions, np.arange(2), share=0.5, certain=True)
    np.testing.assert_allclose(taught.to_array(), [[0.5, 0.5], [0, 1]])
