"""One adapter a method: its face to the harness. Import as `i2ibench.adapters`."""
