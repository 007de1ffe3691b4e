"""The row store as arrays: the plan of a row, the shards and how they hang together, gathering from them."""
