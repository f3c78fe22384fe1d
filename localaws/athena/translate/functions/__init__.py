"""The functions that are translated, by family; what is in no table here is refused."""
