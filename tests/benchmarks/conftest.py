"""The benchmarks run on `make bench` only, never with the other tests."""

import helpers  # noqa: F401  Before TensorFlow, which it keeps quiet.
