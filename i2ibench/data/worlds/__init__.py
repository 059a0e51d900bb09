"""Generated worlds: pictures that are a pure function of (seed, index), with the same bytes on every machine.

To that end the renderers use integer hashes and IEEE-exact elementwise operations alone (+ - * /, sqrt, comparisons,
rounding): no sin, exp or power, whose last bits depend on the vector unit, and no reductions of floats, whose order
does.
"""
