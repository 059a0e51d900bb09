"""Paintings of photos: pictures made of strokes, in styles that a person tells apart at a glance."""
