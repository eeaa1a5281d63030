"""What a route is about, for whether it needs the key."""

from __future__ import annotations

from typing import Literal

Guard = Literal["compute", "health", "metrics", "open"]
"""It computes; probes ask it; collectors of metrics do; anyone may."""
