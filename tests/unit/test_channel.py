"""The kernel's channel, both ends over a real socket."""

import os
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from jupyter_orch.domain.errors import CheckFailed, Forbidden, OrchError, Unavailable
from jupyter_orch.execution.channel_server import ChannelServer
from jupyter_orch.kernel.channel import Channel


class Worker:
    """Handlers that remember what came."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def echo(self, message: Mapping[str, Any]) -> Any:
        """Answers what came."""
        self.seen.append(message["value"])
        return message["value"]

    def refuse(self, message: Mapping[str, Any]) -> Any:
        """Says no, in words."""
        raise CheckFailed("Too few rows.", field="table", hint="Look again.")

    def fail(self, message: Mapping[str, Any]) -> Any:
        """Has a bug."""
        raise RuntimeError("private words")


@pytest.fixture
def worker() -> Worker:
    """The handlers of this test."""
    return Worker()


@pytest.fixture
def server(tmp_path: Path, worker: Worker) -> Iterator[ChannelServer]:
    """A served socket."""
    handlers = {"echo": worker.echo, "refuse": worker.refuse, "fail": worker.fail}
    server = ChannelServer(tmp_path / "c", handlers)
    yield server
    server.close()


@pytest.fixture
def channel(server: ChannelServer) -> Iterator[Channel]:
    """A kernel's end."""
    channel = Channel.from_environment(server.environment)
    assert channel is not None
    yield channel
    channel.close()


def test_answers_come_in_order_on_one_connection(channel: Channel, worker: Worker) -> None:
    """What is asked is answered, with any text in it."""
    values = [1, "a\nb", {"x": ["\u2028", None]}]
    assert [channel.request({"do": "echo", "value": value}) for value in values] == values
    assert worker.seen == values


def test_a_refusal_comes_back_as_the_error_it_was(channel: Channel) -> None:
    """Class, words, field and hint travel."""
    with pytest.raises(CheckFailed) as caught:
        channel.request({"do": "refuse"})
    assert (caught.value.message, caught.value.field, caught.value.hint) == (
        "Too few rows.",
        "table",
        "Look again.",
    )


def test_a_bug_of_the_worker_tells_no_private_words(channel: Channel) -> None:
    """The kernel learns that it failed, the worker's log learns why."""
    with pytest.raises(OrchError) as caught:
        channel.request({"do": "fail"})
    assert "private" not in caught.value.message
    assert channel.request({"do": "echo", "value": 1}) == 1


@pytest.mark.parametrize("message", [{}, {"do": None}, {"do": "no-such"}, {"do": ["echo"]}])
def test_unknown_requests_are_refused(channel: Channel, message: dict[str, Any]) -> None:
    """And the connection lives on."""
    with pytest.raises(OrchError):
        channel.request(message)
    assert channel.request({"do": "echo", "value": 1}) == 1


def test_a_wrong_token_is_refused(server: ChannelServer, worker: Worker) -> None:
    """Nobody else's kernel gets an answer."""
    stranger = Channel(server.environment["JUPYTER_ORCH_CHANNEL"], "wrong")
    with pytest.raises(Forbidden):
        stranger.request({"do": "echo", "value": 1})
    stranger.close()
    assert worker.seen == []


def test_threads_share_a_channel(channel: Channel, worker: Worker) -> None:
    """Each gets its own answer."""
    answers: dict[int, Any] = {}

    def ask(number: int) -> None:
        answers[number] = channel.request({"do": "echo", "value": number})

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {number: number for number in range(16)}


def test_a_lost_connection_is_made_anew(channel: Channel) -> None:
    """The next request does not notice."""
    assert channel.request({"do": "echo", "value": 1}) == 1
    assert channel._connection is not None
    channel._connection._socket.shutdown(2)
    assert channel.request({"do": "echo", "value": 2}) == 2


def test_a_message_sent_again_is_carried_out_once(server: ChannelServer, worker: Worker) -> None:
    """The id of the message makes a repeated `stage` harmless."""
    message = {"do": "echo", "value": 1, "id": "same"}
    assert server._answer_once(message) == server._answer_once(message) == {"ok": 1}
    assert worker.seen == [1]


def test_a_worker_that_is_gone_is_said_so(tmp_path: Path) -> None:
    """Without a server the request fails in words."""
    with pytest.raises(Unavailable):
        Channel(str(tmp_path / "none"), "token").request({"do": "context"})


def test_a_forked_child_has_a_connection_of_its_own(channel: Channel, worker: Worker) -> None:
    """Multiprocessing in a notebook must not mix two kernels' words."""
    assert channel.request({"do": "echo", "value": "parent"}) == "parent"
    assert channel._connection is not None
    channel._connection.pid = os.getpid() + 1  # as it looks to a child
    assert channel.request({"do": "echo", "value": "child"}) == "child"
    assert channel._connection.pid == os.getpid()


def test_outside_a_run_there_is_no_channel() -> None:
    """The absence of either variable means: started by hand."""
    assert Channel.from_environment({}) is None
    assert Channel.from_environment({"JUPYTER_ORCH_CHANNEL": "/x"}) is None


def test_closing_removes_the_socket(tmp_path: Path) -> None:
    """Nothing is left of it."""
    server = ChannelServer(tmp_path / "c", {})
    assert stat.S_ISSOCK((tmp_path / "c").stat().st_mode)
    server.close()
    assert not (tmp_path / "c").exists()


def test_first_channels_may_be_opened_at_once() -> None:
    """In a process of its own, where nobody has opened one; each is closed again by its opener."""
    code = (
        "import sys, threading\n"
        "from pathlib import Path\n"
        "from jupyter_orch.execution.channel_server import ChannelServer\n"
        "sys.setswitchinterval(1e-6)\n"
        "failed, go = [], threading.Barrier(16)\n"
        "def use(number):\n"
        "    go.wait()\n"
        "    try:\n"
        "        ChannelServer(Path(sys.argv[1]) / str(number), {}).close()\n"
        "    except Exception as error:\n"
        "        failed.append(repr(error))\n"
        "threads = [threading.Thread(target=use, args=(number,)) for number in range(16)]\n"
        "[thread.start() for thread in threads]\n"
        "[thread.join() for thread in threads]\n"
        "sys.exit(', '.join(failed) or 0)\n"
    )
    for _ in range(5):
        with tempfile.TemporaryDirectory(prefix="c-") as folder:  # sockets want a short path
            command = [sys.executable, "-c", code, folder]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
