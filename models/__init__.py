"""The published methods, one readable file each, in torch alone. Import as `i2ibench.models`."""
