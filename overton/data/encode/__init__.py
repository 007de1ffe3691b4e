"""Lines to numbers: the fast path of reading data files."""
