"""The embedded sandbox, over real HTTP."""
