"""Where pictures come from: generated worlds, packages, folders; cached as Arrow; handed out as batches."""
