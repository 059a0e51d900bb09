"""`python -m i2ibench`, which `torchrun -m i2ibench` needs, is the command line."""

from i2ibench.cli import main

if __name__ == "__main__":
    main()
