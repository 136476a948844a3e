"""Tasks that do nothing. Each task reads its whole file anew, so nothing else stands here."""

import os

import pendulum
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG

START = pendulum.datetime(2026, 1, 1, tz="UTC")


def nothing() -> None:
    """Does it."""


with DAG("noop", schedule=None, start_date=START):
    PythonOperator(task_id="t", python_callable=nothing)

with DAG("minutely", schedule="* * * * *", start_date=START, catchup=False):
    PythonOperator(task_id="t", python_callable=nothing)

with DAG("wide", schedule=None, start_date=START, max_active_tasks=1000):
    for number in range(int(os.environ["PEERS_WIDE"])):
        PythonOperator(task_id=f"t{number}", python_callable=nothing)
