"""The networks that read label maps out of pictures, for the metric `psp`: trained here, or published ones."""
