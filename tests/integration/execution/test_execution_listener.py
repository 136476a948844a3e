"""The ear of a worker outlives the connection that it listens on."""

import logging
import threading

import pytest
from postgres_fixture import PostgresServer, name_in
from store_kit import run_of

from jupyter_orch.runner.listener import Listener
from jupyter_orch.store.sql import SqlStore

from .conftest import until


def test_a_listener_makes_a_new_connection_when_its_own_is_cut(
    postgresql_url: str, postgresql_server: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    """It hears of runs before and after."""
    store = SqlStore(postgresql_url)
    heard = threading.Event()
    listener = Listener(store, heard.set)
    listener.start()
    until(heard.is_set)
    heard.clear()
    store.add_run(run_of())
    until(heard.is_set)
    with caplog.at_level(logging.WARNING):
        postgresql_server.cut(name_in(postgresql_url))
        until(lambda: "worker.hears_nothing" in caplog.messages)
    heard.clear()
    until(heard.is_set)
    heard.clear()
    store.add_run(run_of())
    until(heard.is_set)
    listener.stop()
    store.close()
