"""What the numbers of stored labels mean beside the numbers of labels: no label, and soft votes."""

ABSTAIN = -1
FIRST_SOFT = -2  # soft vote k of a shard is FIRST_SOFT - k
