"""What the evidence objective gains and what it does not: the figures of docs/evidence.md."""
