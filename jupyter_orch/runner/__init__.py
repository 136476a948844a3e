"""Workers and the processes that execute attempts."""
