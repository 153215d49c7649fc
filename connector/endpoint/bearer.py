"""What `requests` puts on a request to sign in: a token, or explicitly nothing."""

import requests
from requests.auth import AuthBase


class NoAuth(AuthBase):
    """Explicitly nothing, so that `requests` does not look for credentials in ~/.netrc."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class Bearer(AuthBase):
    """RFC 6750 2.1. The token has to fit a header."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def fits_a_header(token: str) -> bool:
    """Whether an HTTP header can carry it: no line break, no accent."""
    return token.isascii() and token.isprintable()


def is_token(text: str) -> bool:
    """Whether it can be a bearer token (RFC 6750 2.1: no blanks), and is not nothing."""
    return bool(text) and fits_a_header(text) and " " not in text
