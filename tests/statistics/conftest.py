"""Property tests of the statistics."""

from hypothesis import settings

# A slow machine must not fail a test, and every run draws the same examples.
settings.register_profile("statistics", deadline=None, derandomize=True)
settings.load_profile("statistics")
