"""How we sign in: one object that puts credentials on a request, or explicitly none."""

import requests
from requests.auth import AuthBase, HTTPBasicAuth

from ..config import Auth
from ..errors import UsageError


class NoAuth(AuthBase):
    """Explicitly nothing, so that `requests` does not look for credentials in ~/.netrc."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class _Bearer(AuthBase):
    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def sign_in(auth: Auth) -> AuthBase:
    """What signs in as `auth` says. `UsageError` if a secret can't be had or used."""
    if auth.type == "basic":
        assert auth.username is not None
        assert auth.password is not None
        return HTTPBasicAuth(auth.username.encode(), auth.password.read().encode())
    if auth.type == "bearer":
        assert auth.token is not None
        token = auth.token.read()
        if not (token.isascii() and token.isprintable()):
            raise UsageError(
                "the token holds characters that no HTTP header can (a line break, an accent?)",
                "Look at the place it is read from.",
            )
        return _Bearer(token)
    return NoAuth()
