"""Networks on the command line: their options, and model cards for weights files."""
