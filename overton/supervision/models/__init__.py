"""Label models: the votes of one task, fitted."""
