"""Foreign text where a person or a log reads it: never a control of a terminal. Pure."""


def printable(text: str, most: int = 200) -> str:
    """`text` in one line of at most `most` characters, whatever is not printable as an escape.

    Not printable are C0 and C1 controls (a terminal obeys them), line ends, what changes the
    direction of writing, what has no width, lone surrogates: Unicode's categories C and Z, but for
    the blank.
    """
    shown = "".join(one if one.isprintable() else _escaped(one) for one in text[: most + 1])
    return shown if len(text) <= most and len(shown) <= most else f"{shown[: most - 1]}…"


def _escaped(one: str) -> str:
    code = ord(one)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else "\ufffd"
