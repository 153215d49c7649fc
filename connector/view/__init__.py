"""Plain values made readable. Knows nothing of servers, files or clocks."""
