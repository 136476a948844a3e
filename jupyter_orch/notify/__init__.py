"""Telling people: what a message says, how it travels, and when it is tried again."""

from jupyter_orch.notify.courier import SettingsCourier
from jupyter_orch.notify.notifier import Notifier

__all__ = ["Notifier", "SettingsCourier"]
