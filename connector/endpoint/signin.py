"""How we sign in: with what is configured, or with tokens that are fetched and renewed."""

from collections.abc import Collection
from typing import Protocol

from requests.auth import AuthBase, HTTPBasicAuth

from ..errors import UsageError
from ..settings import Auth, EndpointSettings, Secret
from .bearer import Bearer, NoAuth, fits_a_header, is_token
from .scopes import Grant
from .tokens import Ask, Tokens


class SignIn(Protocol):
    """Credentials for one origin. Safe to share between threads."""

    @property
    def hint(self) -> str:
        """What to look at where the server lets nobody in by these credentials (401)."""

    def credentials(self) -> AuthBase:
        """What signs the next request in. Raises `SignInFailed` or `Waiting`."""

    def grant(self) -> Grant | None:
        """What the token allows; None where there is none to ask. Raises as `credentials`."""

    def heard(self, used: AuthBase, status: int, again: bool) -> bool:
        """Told each answer's status: whether to ask again, because new credentials may help.

        `again`: it is the second answer to the same request.
        """


class _Standing:
    """Credentials that never change."""

    hint = "Check `auth` of this endpoint: the server does not take these credentials."

    def __init__(self, auth: AuthBase) -> None:
        self._auth = auth

    def credentials(self) -> AuthBase:
        return self._auth

    def grant(self) -> Grant | None:
        return None

    def heard(self, used: AuthBase, status: int, again: bool) -> bool:  # noqa: ARG002
        return False


def sign_in(
    settings: EndpointSettings, ask: Ask, types: Collection[str], rights: Collection[str]
) -> SignIn:
    """What signs in as `settings.auth` says. `UsageError` if a secret can't be had or used.

    `ask` reaches the token endpoint; scopes are asked for `types` and `rights`.
    """
    if settings.auth.type in ("smart", "client-secret"):
        return Tokens(settings, ask, types, rights)
    return _Standing(_standing(settings.auth))


def secret_header(name: str, secret: Secret) -> str:
    """The value of a header that is a secret. `UsageError` if no header can hold it."""
    value = secret.read()
    if not fits_a_header(value):
        raise UsageError(
            f"headers: {name} ({secret.where()}): not one line of ASCII",
            "Correct what stands there.",
        )
    return value


def _standing(auth: Auth) -> AuthBase:
    if auth.type == "basic":
        assert auth.username is not None
        assert auth.password is not None
        return HTTPBasicAuth(auth.username.encode(), auth.password.read().encode())
    if auth.type == "bearer":
        assert auth.token is not None
        token = auth.token.read()
        if not is_token(token):
            raise UsageError(
                f"the token ({auth.token.where()}) is not one word of letters, digits and signs"
                " (a line break, a blank, an accent, the word Bearer before it?)",
                "Correct what stands there: the token alone.",
            )
        return Bearer(token)
    return NoAuth()
