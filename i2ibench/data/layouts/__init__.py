"""Data sets of the field as they are distributed: what lies where, and which file is which part of an example."""
