"""One thing looked at."""

from dataclasses import dataclass

from ...errors import Exit


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. `fix`: what to do; where `ok`, it is good to know and nothing fails.

    `more`: lines for who wants to know it exactly (`--verbose`).
    """

    end: str
    name: str
    ok: bool
    detail: str
    fix: str = ""
    exit: Exit = Exit.DELIVERED
    more: tuple[str, ...] = ()

    @property
    def mark(self) -> str:
        """How it stands in four letters."""
        return "FAIL" if not self.ok else "note" if self.fix else "ok  "
