"""How long to train, and how fast at each step."""

import math

RECORDS_SEEN = 250_000
FEWEST, MOST = 4, 60
BATCH_SIZES = (3_000, 64), (1_000, 32), (0, 16)  # from so many records, so many a step
WARM = 0.1
WARM_EPOCHS, FEWEST_WARM = 0.4, 2


def epochs_for(n_records: int) -> int:
    """Passes over the data where none are asked for: many over little data, few over much.

    Example:
        >>> epochs_for(1_000), epochs_for(13_000), epochs_for(1_000_000)
        (60, 20, 4)
    """
    return min(max(math.ceil(RECORDS_SEEN / max(n_records, 1)), FEWEST), MOST)


def batch_size_for(n_records: int) -> int:
    """Records of one step where no number is asked for: few where there are few, so that there are steps to learn in.

    Example:
        >>> batch_size_for(300), batch_size_for(1_000), batch_size_for(10_000)
        (16, 32, 64)
    """
    return next(size for least, size in BATCH_SIZES if n_records >= least)


def warm_epochs_for(n_records: int) -> int:
    """The same where training goes on from the weights of a parent version: two fifths.

    The learning rate is that of any training: a lower one kept too much of what the parent knew.

    Example:
        >>> warm_epochs_for(1_000), warm_epochs_for(1_000_000)
        (24, 2)
    """
    return max(math.ceil(WARM_EPOCHS * epochs_for(n_records)), FEWEST_WARM)


def learning_rate_at(step: int, n_steps: int, highest: float) -> float:
    """Rises in a straight line over the first tenth of the steps, then falls to nothing as half a cosine wave.

    Source: Smith & Topin 2017, arXiv:1708.07120.
    """
    warm = max(1, round(WARM * n_steps))
    if step < warm:
        return highest * (step + 1) / warm
    return highest * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(n_steps - warm, 1)))
