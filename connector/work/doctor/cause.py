"""Why an end could not be asked: the address, the cause, and one thing to do about it.

The address is the base of the configuration, which holds no patient's id.
"""

from ...errors import Answered, ConnectorError, Forbidden, NotFhir, Unreachable
from ...settings import EndpointSettings

# Words of ours in a message (`endpoint.wire`, `endpoint.trust`) → what to do. The first that fits.
_NO_ANSWER = (
    ("refused", "Nothing listens there: start the server, or correct host and port in base_url."),
    ("host is unknown", "Correct the host's name in base_url, or ask for the name in DNS."),
    ("not trusted", "Name the authority that signed its certificate in ca_file (PEM)."),
    ("another name", "Use the name in base_url that the server's certificate is made out to."),
    ("has expired", "Ask the server's people to renew its certificate."),
    ("our certificate", "Put a good certificate where client_cert_file points."),
    ("certificate of ours", "Set client_cert_file: the server wants to see who we are."),
    ("TLS", "Ask the server's people which TLS it speaks; plain http has no TLS."),
    ("proxy", "Correct the proxy (HTTPS_PROXY), or except this host from it (NO_PROXY)."),
    ("time limit", "Ask the network's people whether this machine may reach host and port."),
)
_STATUS = {
    401: "Set `auth` of this endpoint to what the server asks for, with a secret that is good.",
    403: "Ask the server's people to allow this client to read here.",
    404: "Correct the path of base_url: the server has no FHIR API there.",
    407: "Give the proxy what it asks for (HTTPS_PROXY with user and password).",
    429: "Wait, and set requests_per_second to what the server allows.",
}


def told(error: ConnectorError, settings: EndpointSettings) -> tuple[str, str]:
    """What went wrong, and where; and one thing to do."""
    return f"{settings.base_url}: {error}", _fix(error)


def _fix(error: ConnectorError) -> str:
    if isinstance(error, Unreachable):
        found = (fix for word, fix in _NO_ANSWER if word in str(error))
        return next(found, "Ask the network's people what stands between here and base_url.")
    if isinstance(error, Answered):
        if error.what_to_do:
            return error.what_to_do
        later = "The server is in trouble: tell its people, and try again later."
        return _STATUS.get(error.status, later if error.status >= 500 else _STATUS[404])
    if isinstance(error, NotFhir):
        return "Set base_url to the FHIR base itself (not a portal), and `auth` to its sign-in."
    if isinstance(error, Forbidden) and "origin" in str(error):
        return (
            "It sends us on to another host, a login perhaps: set base_url to the FHIR base"
            " itself, and `auth` to its sign-in."
        )
    # Its remedy must not be this very command.
    asks_again = "connector doctor" in error.what_to_do
    return "Compare `auth` with how this client is registered." if asks_again else error.what_to_do
