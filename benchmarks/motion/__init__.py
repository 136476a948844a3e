"""The parts of `fast_motion.py`: days of work under a clock that runs as fast as it can."""
