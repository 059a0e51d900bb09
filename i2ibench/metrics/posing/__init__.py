"""The networks that find keypoints in pictures, for the metric `pose`."""
