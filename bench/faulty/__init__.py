"""What `bench.faults` and `bench.soak` are made of: a backend that misbehaves, browsers that know the right answer."""
