"""Settings of hypothesis for all tests."""

from hypothesis import settings

# Timings stay out of pass and fail: by default an example that takes more than 0.2 s fails on a busy machine.
settings.register_profile("congress-ha", deadline=None)
settings.load_profile("congress-ha")
