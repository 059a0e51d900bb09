"""The cards of the tasks, by level. Cards import nothing heavy: data is named, not loaded."""
