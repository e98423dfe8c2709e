"""Numbers as they are read."""


def number(value: float) -> str:
    """Return a number with three digits.

    >>> number(0.012345), number(12345.6)
    ('0.0123', '1.23e+04')
    """
    return f"{value:.3g}"


def chance(p: float) -> str:
    """Return a probability, never rounded up to certainty.

    >>> chance(0.25), chance(0.99999), chance(1.0)
    ('0.25', 'over 0.999', '1')
    """
    return "over 0.999" if 0.999 < p < 1 else number(p)
