"""What the library costs, in time and memory, beside what it replaces: `make bench`."""
