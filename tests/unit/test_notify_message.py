"""What messages say, whatever the job, the error and the database hold."""

import json
from dataclasses import replace
from email import message_from_bytes, policy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_kit import NOW

from jupyter_orch.domain.ids import DEFAULT_TEAM, RunId
from jupyter_orch.domain.model import Notice
from jupyter_orch.notify.mail import Mail
from jupyter_orch.notify.message import (
    LONGEST_ALONE,
    LONGEST_SUBJECT,
    MOST_ITEMS,
    MOST_SHOWN,
    compose,
)
from jupyter_orch.notify.notifier import LONGEST_RETRY_SECONDS, retry_seconds
from jupyter_orch.notify.webhook import body_of, signature
from jupyter_orch.settings_notify import SmtpSettings, is_address


def notice(number: int = 1, **values) -> Notice:
    """A run that failed."""
    facts = {
        "state": "failed",
        "reason": "user_error",
        "error": {
            "name": "ValueError",
            "message": "no rows",
            "cell_index": 2,
            "place": "Cell In[3], line 2: frame.loc[origin]",
        },
        "logical_time": "2026-11-24T06:00:00+00:00",
        "attempt": 3,
    }
    given = {"kind": "failed", "job_name": "daily", "facts": facts, **values}
    return Notice(
        id=number,
        team=DEFAULT_TEAM,
        job_id=None,
        run_id=RunId(f"run{number}"),
        target="email:ann@example.com",
        created_at=NOW,
        **given,
    )


def failing(message: str) -> Notice:
    """A run that failed with these words."""
    return notice(facts={"error": {"name": "E", "message": message, "cell_index": None}})


def test_one_run_is_told_in_full() -> None:
    """Job and state in the subject; time, attempt, error and link in the text."""
    message = compose([notice()], link_base="https://hub/run/")
    assert message.subject == "[jupyter_orch] daily failed"
    assert message.text == (
        "daily failed: user_error\n"
        "due 2026-11-24 06:00:00 UTC, attempt 3, run run1\n"
        "ValueError (cell 3): no rows\n"
        "Cell In[3], line 2: frame.loc[origin]\n"
        "https://hub/run/run1\n"
        "jupyter orch show run1"
    )
    assert '<a href="https://hub/run/run1">' in message.html


def test_many_become_a_digest() -> None:
    """Counts in the subject, the first ones in the text, and how many more there are."""
    failed = [notice(number, job_name=f"job {number % 7}") for number in range(30)]
    message = compose([*failed, notice(30, kind="recovered"), notice(31, kind="late")])
    assert message.subject == "[jupyter_orch] 30 runs failed, 1 recovered, 1 late"
    assert message.text.count("\ndue ") == MOST_SHOWN
    assert message.text.endswith("… and 12 more.")
    assert (len(message.items), message.total) == (32, 32)
    assert compose(failed[:1] + failed[7:8]).subject == "[jupyter_orch] job 0: 2 runs failed"


def alike(number: int, job: str = "daily", fingerprint: str | None = "f00d") -> Notice:
    """A run that failed as others do."""
    return notice(number, job_name=job, facts={**notice().facts, "fingerprint": fingerprint})


def test_equal_failures_are_told_as_one() -> None:
    """With the words of the last one, how many there are, and how to see all of them."""
    message = compose([alike(1), notice(2), alike(3, "hourly"), alike(4)])
    assert message.subject == "[jupyter_orch] 4 runs failed"
    paragraphs = message.text.split("\n\n")
    assert paragraphs[1].split("\n") == [
        "daily and 1 other job failed in the same way 3 times: user_error",
        "the last one: due 2026-11-24 06:00:00 UTC, attempt 3, run run4",
        "ValueError (cell 3): no rows",
        "Cell In[3], line 2: frame.loc[origin]",
        "jupyter orch runs --fingerprint f00d",
    ]
    assert paragraphs[2].startswith("daily failed: user_error\n")
    assert [item["run_id"] for item in message.items] == ["run1", "run2", "run3", "run4"]
    assert [item["fingerprint"] for item in message.items] == ["f00d", None, "f00d", "f00d"]


def test_a_digest_of_one_failure_leaves_none_out() -> None:
    """A thousand equal ones are one paragraph; those without a fingerprint are told one by one."""
    many = [alike(number) for number in range(1000)]
    message = compose(many)
    assert message.text.count("\n\n") == 1
    assert "failed in the same way 1000 times" in message.text
    assert "more." not in message.text
    unknown = compose([alike(number, fingerprint=None) for number in range(3)])
    assert unknown.text.count("daily failed: user_error") == 3


def test_a_digest_has_a_limit() -> None:
    """A thousand long errors are no megabytes."""
    many = [replace(failing("x" * 10_000), id=number) for number in range(1000)]
    message = compose(many)
    assert len(message.items) == MOST_ITEMS
    assert message.total == 1000
    assert len(message.text) < 20_000
    assert len(body_of(message)) < 300_000
    assert len(compose([failing("x" * 10_000)]).text) < LONGEST_ALONE + 200


def test_the_same_notices_make_the_same_id() -> None:
    """A receiver that gets a message twice can tell; another message has another one."""
    assert compose([notice(1), notice(2)]).id == compose([notice(1), notice(2)]).id
    assert (
        len({compose(each).id for each in ([notice(1)], [notice(2)], [notice(1), notice(2)])}) == 3
    )


@pytest.mark.parametrize(
    "name",
    ["a\r\nBcc: eve@example.com", "a\nSubject: b", "a\x00b", "\u2028Bcc: x", "n" * 5000, "💥", ""],
)
def test_a_job_name_injects_no_header(name: str) -> None:
    """Whatever the name is, the mail has our headers, each once, and one recipient."""
    mail = Mail(SmtpSettings(host="h", sender="orch@example.com"))
    made = mail._compose("ann@example.com", compose([notice(job_name=name)]))
    parsed = message_from_bytes(made.as_bytes(), policy=policy.default)
    assert sorted(parsed.keys()) == sorted(
        [
            "From",
            "To",
            "Subject",
            "Date",
            "Message-ID",
            "Auto-Submitted",
            "MIME-Version",
            "Content-Type",
        ]
    )
    assert parsed["To"] == "ann@example.com"
    assert len(parsed["Subject"]) <= LONGEST_SUBJECT + 50


def test_text_of_strangers_is_only_text() -> None:
    """No markup, colours or passwords of URLs come through."""
    message = compose(
        [failing('<script>x</script> \x1b[31mred\x1b[0m postgresql://me:hunter2@db/x "')]
    )
    assert "<script>" not in message.html
    assert "\x1b" not in message.text + json.dumps(message.items)
    for part in (message.text, message.html, body_of(message).decode()):
        assert "hunter2" not in part
        assert "red" in part


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(["state", "reason", "error", "logical_time", "attempt"])
ERROR = st.dictionaries(st.sampled_from(["name", "message", "cell_index"]), JSON, max_size=3)


@settings(max_examples=100, deadline=None)
@given(facts=st.dictionaries(KEYS, JSON | ERROR, max_size=5) | JSON, name=st.text(), kind=st.text())
def test_inv8_any_facts_make_a_message(facts, name: str, kind: str) -> None:
    """What newer or broken code wrote does not keep the others of a digest from being told."""
    message = compose([notice(facts=facts, job_name=name, kind=kind), notice(2)])
    assert "ValueError (cell 3): no rows" in message.text
    assert json.loads(body_of(message))["total"] == 2
    Mail(SmtpSettings(host="h", sender="orch@example.com"))._compose("a@b.c", message).as_bytes()


def test_signature_is_the_documented_one() -> None:
    """HMAC with SHA-256 of time, point and body: a fixed example for implementers."""
    assert signature("secret", 1700000000, b'{"a":1}') == (
        "t=1700000000,v1=49f24e537407743fa4a0242bb63b94b9a47ee99cbbe071ccd8a22550ae411686"
    )


@pytest.mark.parametrize(
    "address", ["ann@example.com", "a.b+c@sub.example.co", "root@localhost", "o'n@x-y.z"]
)
def test_addresses(address: str) -> None:
    """What mail is sent to."""
    assert is_address(address)


@pytest.mark.parametrize(
    "address",
    [
        *("", "ann", "@x.y", "a@", "a@b@c", "a b@c.d", "a@b.c\n", "a@b.c, d@e.f", "<a@b.c>"),
        *("a@-b.c", "ä@b.c", "a@b..c", ".a@b.c", "a.@b.c", "a@b.c\r\nBcc: e@f.g"),
        "a" * 251 + "@b.c",
    ],
)
def test_not_addresses(address: str) -> None:
    """What could end in another header, or nowhere."""
    assert not is_address(address)


def test_waits_grow_to_an_hour() -> None:
    """Seconds first, never longer than an hour, also after a thousand tries."""
    waits = [retry_seconds(tries) for tries in (1, 2, 3, 20, 1000)]
    assert waits[0] <= 5
    assert waits == sorted(waits[:3]) + waits[3:]
    assert all(0.8 * LONGEST_RETRY_SECONDS <= wait <= LONGEST_RETRY_SECONDS for wait in waits[3:])
