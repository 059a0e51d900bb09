"""The shared training loop: performs a method's updates under a budget, with checkpoints that resume bit for bit."""
