"""How a client proves who it is at a token endpoint: a short statement, signed with its key."""

import json
import time
import uuid

from ..keys import SigningKey
from ..signature import sign

_LIFETIME_S = 240  # five minutes are allowed; their clock may be behind ours


def client_assertion(key: SigningKey, kid: str, client_id: str, audience: str) -> str:
    """A JWT for one request (SMART App Launch 2.2, client-confidential-asymmetric).

    `jti` is fresh each time: a server refuses a statement that it has seen before.
    """
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "exp": int(time.time()) + _LIFETIME_S,
        "jti": str(uuid.uuid4()),
    }
    return sign(json.dumps(claims).encode(), key, kid, {"typ": "JWT"})
