"""What the benchmarks of the pull share."""
