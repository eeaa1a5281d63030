"""Lines as programs log them: few messages, filled with names of which some come much more often than others.

Made, because logs that may be published hold no names. How often a line comes again depends on the lists below, so a
hit rate measured on them is an example and no promise.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

_MESSAGES = (
    "User {person} signed in from {place}",
    "User {person} signed out",
    "Session of {person} expired after 30 minutes",
    "{person} opened a ticket for {company} in {place}",
    "Connection to {company} timed out , trying again in 5 seconds",
    "Backup of the {place} office finished without errors",
    "Payment of {company} was accepted by the {place} branch",
    "Delivery for {person} left {place}",
    "Certificate of {company} ends in 14 days",
    "Health check passed",
)
_FIRST = ("Anna", "John", "Maria", "Peter", "Amina", "Lars", "Chen", "Sofia")
_LAST = ("Lund", "Keller", "Abara", "Moreau", "Silva", "Tanaka", "Novak", "Berg")
_VALUES = {
    "person": tuple(f"{first} {last}" for first in _FIRST for last in _LAST),
    "place": ("Oslo", "Lisbon", "Nairobi", "Bergen", "Lyon", "Osaka", "Porto", "Prague", "Austin", "Leeds"),
    "company": ("Northwind Energy", "Harbour Bank", "Lund Shipping", "Abara Foods", "Silva & Sons", "Novak Steel"),
}
_FIRST_MOMENT = datetime(2026, 1, 5, 8, tzinfo=UTC)


def log_lines(count: int, *, seed: int, stamped: bool = False) -> list[str]:
    """So many lines; the same for the same seed.

    Args:
        count: of lines.
        seed: of what is drawn.
        stamped: begin each with its time, in milliseconds, so that none comes again.
    """
    source, moment, lines = random.Random(seed), _FIRST_MOMENT, []
    for _ in range(count):
        moment += timedelta(milliseconds=source.randint(1, 2_000))
        line = source.choice(_MESSAGES).format(**{name: _drawn(values, source) for name, values in _VALUES.items()})
        lines.append(f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03} {line}" if stamped else line)
    return lines


def _drawn(values: tuple[str, ...], source: random.Random) -> str:
    """The nth value with a weight of 1/n (Zipf's law)."""
    return source.choices(values, [1 / number for number in range(1, len(values) + 1)])[0]
