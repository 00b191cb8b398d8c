"""Do the tests bite? `make mutate`."""
