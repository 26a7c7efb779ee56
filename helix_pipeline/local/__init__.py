"""The servers of a laptop as child processes: start, wait until ready, stop."""
