"""The engine timed against what one would use without it: `make bench`."""
