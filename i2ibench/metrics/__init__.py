"""One file a metric; `evaluate` walks the pictures once for all of them."""
