"""i2ibench: trains and scores image-to-image translation methods under one protocol."""
