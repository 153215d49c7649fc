"""How a client proves who it is at a token endpoint: a short statement, signed with its key."""

import time
import uuid

from .keys import SigningKey

_LIFETIME_S = 240  # five minutes are allowed; their clock may be behind ours


def client_assertion(key: SigningKey, kid: str, client_id: str, audience: str) -> str:
    """A JWT for one request (SMART App Launch 2.2, client-confidential-asymmetric).

    `jti` is fresh each time: a server refuses a statement that it has seen before.
    """
    import jwt

    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "exp": int(time.time()) + _LIFETIME_S,
        "jti": str(uuid.uuid4()),
    }
    return jwt.encode(claims, key.private, algorithm=key.algorithm, headers={"kid": kid})
