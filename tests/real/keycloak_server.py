"""A real Keycloak as authorization server, which ends with this process."""

import json
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import requests

START = Path(__file__).parent / "keycloak" / "start.sh"
SCOPES = ("system/Patient.rs", "system/Observation.rs")
# The first run downloads 147 MB, and builds for a minute.
FETCH_AND_START_S = 600


class KeycloakMissingError(RuntimeError):
    """The programs to fetch and run Keycloak are not there."""


class Keycloak:
    """Keycloak with one realm that knows some SMART scopes.

    Raises KeycloakMissingError without java or mvn, RuntimeError when it does not come up.
    """

    def __init__(self, *scopes: str) -> None:
        missing = [program for program in ("java", "mvn") if shutil.which(program) is None]
        if missing:
            raise KeycloakMissingError(f"no {' and no '.join(missing)} on the PATH")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._root = f"http://127.0.0.1:{port}"
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the server
        self._process = subprocess.Popen(
            [START, str(port)], stdin=subprocess.PIPE, stdout=self._log, stderr=subprocess.STDOUT
        )
        try:
            self._wait()
            self._admin("POST", "", {"realm": "fhir", "enabled": True})
        except BaseException:
            self.stop()
            raise
        self.issuer = f"{self._root}/realms/fhir"
        self.token_url = f"{self.issuer}/protocol/openid-connect/token"
        self.scopes = scopes
        for scope in scopes:
            attributes = {"include.in.token.scope": "true"}
            described = {"name": scope, "protocol": "openid-connect", "attributes": attributes}
            self._admin("POST", "/fhir/client-scopes", described)

    def jwks(self) -> Any:
        """The keys it signs its tokens with."""
        return requests.get(f"{self.issuer}/protocol/openid-connect/certs", timeout=60).json()

    def register(self, name: str, jwks: bytes, algorithm: str, life_s: int = 300) -> None:
        """A backend service that signs its statements by `algorithm`."""
        attributes = {
            "use.jwks.string": "true",
            "jwks.string": json.dumps(json.loads(jwks)),
            "token.endpoint.auth.signing.alg": algorithm,
            "access.token.lifespan": str(life_s),
        }
        client = {
            "clientId": name,
            "clientAuthenticatorType": "client-jwt",
            "serviceAccountsEnabled": True,
            "standardFlowEnabled": False,
            "publicClient": False,
            "attributes": attributes,
            "optionalClientScopes": list(self.scopes),
        }
        self._admin("POST", "/fhir/clients", client)

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._log.close()

    def _admin(self, method: str, path: str, body: Any) -> None:
        token = requests.post(
            f"{self._root}/realms/master/protocol/openid-connect/token",
            data={
                "grant_type": "password",
                "client_id": "admin-cli",
                "username": "admin",
                "password": "admin",
            },
            timeout=60,
        ).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{self._root}/admin/realms{path}"
        answer = requests.request(method, url, json=body, headers=headers, timeout=60)
        assert answer.ok, answer.text

    def _wait(self) -> None:
        until = time.monotonic() + FETCH_AND_START_S
        while time.monotonic() < until:
            if self._process.poll() is not None:
                break
            try:
                if requests.get(f"{self._root}/realms/master", timeout=5).ok:
                    return
            except requests.RequestException:
                pass  # not listening yet
            time.sleep(0.5)
        self._log.seek(0)
        raise RuntimeError(f"Keycloak did not start: {self._log.read()[-2000:].decode()}")
