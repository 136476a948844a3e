"""Queries of probes.sql over two small tables, one a line: both engines have to answer them alike.

`flights` looks like nyc.flights: dates, timestamps, decimals, NULLs, text and integers.
"""

from pathlib import Path

SETUP = (
    "CREATE SCHEMA IF NOT EXISTS probe",
    """CREATE TABLE probe.flights (
        id integer, day date, carrier varchar, delay integer, distance bigint,
        fare decimal(10,2), rate double, taken timestamp(6), cancelled boolean
    )""",
    """INSERT INTO probe.flights VALUES
        (1, DATE '2013-01-31', 'UA', 7, 1400, DECIMAL '199.99', 0.5,
            TIMESTAMP '2013-01-31 05:15:00.123456', false),
        (2, DATE '2013-02-28', 'UA', -3, 733, DECIMAL '50.00', 0.25,
            TIMESTAMP '2013-02-28 23:59:59', false),
        (3, DATE '2013-02-28', 'AA', NULL, 1089, NULL, NULL, NULL, true),
        (4, DATE '2013-03-01', 'B6', 15, 1576, DECIMAL '0.01', 1e10,
            TIMESTAMP '2013-03-01 00:00:00', false),
        (5, DATE '2013-12-30', 'AA', 0, 762, DECIMAL '1234.56', -2.5,
            TIMESTAMP '2013-12-30 12:30:45.5', NULL)""",
    "CREATE TABLE probe.airlines (carrier varchar, name varchar)",
    "INSERT INTO probe.airlines VALUES ('UA', 'United Air Lines'), ('AA', 'American'), ('Z', NULL)",
)

_SECTIONS = Path(__file__).with_suffix(".sql").read_text("utf-8").split("-- ")[1:]


def _queries(section: str) -> list[str]:
    return [line for line in section.splitlines()[1:] if line]


ANSWERED = [query for section in _SECTIONS[:-1] for query in _queries(section)]
REFUSED = _queries(_SECTIONS[-1])
