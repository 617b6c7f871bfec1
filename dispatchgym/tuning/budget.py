"""How a tuning spends its budget: rungs of asynchronous successive halving, and seeds that are kept for the test."""

RUNGS = (1, 3, 9)  # ninths of the budget of a training; after each the worse ones may be stopped
REDUCTION = 3  # of so many that reach a rung one goes on
FIRST_TEST_SEED = 1000  # above the first seed of the tuning
