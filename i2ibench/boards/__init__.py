"""Scores as tables, for Markdown, terminals and CSV, and the check against a baseline."""
