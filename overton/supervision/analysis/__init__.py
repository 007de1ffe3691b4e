"""What the sources of a task are worth: the page about them."""
