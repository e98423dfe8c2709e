"""The decorators of all kernels here."""

from annealcam._internal.compilation import compiler

# Fused multiply-add, but no reordering of sums: equal bits for every length of a loop.
compiled = compiler("contract", "nsz")
# Sums may be reordered by the compiler, once and for all: equal bits every time on one machine.
summing = compiler("contract", "nsz", "reassoc")
# No change of any rounding: equal bits to those of numpy.
plain = compiler()
