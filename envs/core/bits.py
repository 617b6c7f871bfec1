"""Words of bits, as kernel functions: each compiler has its own instruction for them (`compile.py`)."""


def lowest_bit(word):
    """The place of the lowest 1 of a positive whole number."""
    return (int(word) & -int(word)).bit_length() - 1
