"""A secret, by where it is found: it is looked for when it is needed."""

import os
import subprocess
from pathlib import Path

from pydantic import model_validator

from .. import regularfile
from ..errors import UsageError
from ..model import Model, Text

_SECRET_MAX = 1_000_000  # bytes


class Secret(Model):
    """A secret by where it is found: an environment variable, a file, or a command's output."""

    env: Text | None = None
    file: Path | None = None
    command: tuple[Text, ...] | None = None

    @model_validator(mode="after")
    def _one(self) -> "Secret":
        if [self.env, self.file, self.command].count(None) != 2:
            raise ValueError("expected exactly one of env, file and command")
        return self

    def read(self) -> str:
        """The secret. `UsageError` says where it was looked for, never what was found."""
        found = self._look().strip()
        if not found:
            raise UsageError(f"the secret ({self.where()}) is empty", "Fill it in.")
        return found

    def where(self) -> str:
        """In words: which variable, file or command."""
        if self.env is not None:
            return f"variable {self.env}"
        return "command" if self.file is None else f"file {self.file}"

    def _look(self) -> str:
        try:
            if self.env is not None:
                return os.environ[self.env]
            if self.file is not None:
                return regularfile.read(self.file, _SECRET_MAX).decode("utf-8-sig")
            assert self.command is not None
            # The operator's own command from the operator's own file, without a shell.
            done = subprocess.run(self.command, capture_output=True, check=True, timeout=60)  # noqa: S603
            return done.stdout.decode()
        except KeyError:
            raise UsageError(f"the variable {self.env} is not set", "Set it.") from None
        except OSError as error:  # of the command
            raise UsageError(f"secret: {error.strerror}: {error.filename}", "Correct it.") from None
        except UnicodeDecodeError:
            raise UsageError(
                f"the secret ({self.where()}) is not UTF-8 text", "Save it as UTF-8."
            ) from None
        except subprocess.SubprocessError:
            raise UsageError(
                "the secret's command failed or took over a minute", "Run it by hand."
            ) from None
