"""Structure-aware fuzzing of the whole way: `make fuzz`. See `__main__`."""
