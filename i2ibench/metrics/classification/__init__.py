"""The classifiers that recognise the classes of pictures, for the metrics `rc`, `fc`, `is_classifier` and `cis`."""
