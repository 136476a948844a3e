"""The timer: APScheduler over our own job store."""
