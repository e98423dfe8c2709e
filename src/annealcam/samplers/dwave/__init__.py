"""D-Wave's machines: the quantum processor, and the hybrid solvers of Leap."""
