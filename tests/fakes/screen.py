"""A screen that keeps what it is told, one line an event."""

from __future__ import annotations

from runtime.screen.display import Table, Told, Tone


class FakeScreen:
    """See runtime.screen.display.Screen; `lines` is what was told so far."""

    colored = False

    def __init__(self) -> None:
        self.lines: list[str] = []

    @property
    def text(self) -> str:
        """All lines."""
        return "\n".join(self.lines)

    def begin(self, name: str, total: int) -> None:
        """See Screen."""
        self.lines.append(f"begin {name} {total}")

    def progress(self, done: int, doing: str) -> None:
        """See Screen."""
        self.lines.append(f"progress {done} {doing}")

    def end(self, told: Told, *, failed: bool) -> None:
        """See Screen."""
        self.lines.append(f"{'failed' if failed else 'end'} {told.name} {told.remark}".rstrip())

    def line(self, text: str, tone: Tone) -> None:
        """See Screen."""
        self.lines.append(text)

    def detail(self, text: str) -> None:
        """See Screen."""
        self.lines.append(f"detail {text}")

    def table(self, table: Table) -> None:
        """See Screen."""
        self.lines += ["  ".join(row) for row in table.rows]
