"""The experiment: what to run, in which order, on which interpreter, and what to store of it."""
