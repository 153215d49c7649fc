"""The two files that `init` writes."""

import uuid

_CONFIG = """\
# connector.toml: where charts come from, where packets go. All settings: docs/configuration.md
version = 1

[sources.home]
id = "{source}"   # names every record's id at the destination: never change it
base_url = "http://127.0.0.1:8080/fhir"
environment = "test"            # test or production; records never go from one to the other
# organization = {{ name = "Home Hospital", npi = "1234567893" }}  # whose records office sends
# telecom = {{ phone = "+1 555 0100" }}
# pull = "auto"                 # auto, search or everything
# expected_gaps = ["Consent"]   # types this server is known not to give: told, but no exit 3

# [sources.home.auth]           # none (default), basic, bearer, smart or client-secret
# # secrets by env, file or command; smart (backend services): docs/sign-in.md
# type = "bearer"
# token = {{ env = "HOME_TOKEN" }}

[destinations.outside]
id = "{destination}"
base_url = "http://127.0.0.1:8081/fhir"
environment = "test"
# owner = "Organization/123"    # their organisation, as it is called there
new_patient = "hold"            # hold: a person decides; create: when a search found nobody
match_systems = []              # identifier systems both sides use, e.g. a shared MRN
release = "manual"              # manual: `connector approve` the dry run's hash first; or auto
# write = "conditional"         # conditional, put or create
# bundle = {{ kind = "transaction", max_entries = 150, max_megabytes = 10 }}
# accepts = {{ scope = "whole-chart", images = "images" }}

# [destinations.outside.auth]
# type = "basic"
# username = "connector"
# password = {{ file = "/etc/connector/outside.password" }}

[store]
path = "connector-data"         # case files: patient data, keep it private

# [ledger]
# url = "postgresql+psycopg://connector@localhost/connector"
# operator = "Records office"   # who sends, for the log of disclosures; default: the user

# [receipt]                     # sign receipts: docs/proof.md
# private_key = {{ file = "keys/receipts/private.pem" }}
"""

_REQUEST = """\
# A second opinion asked for. All fields: docs/request.md
request_id: SO-0001
patient: {{id: "REPLACE-ME"}}      # or {{identifier: "system|value"}}
key_question: treatment           # diagnosis, treatment or prognosis
question: Is surgery better than radiotherapy in my case?
needed_by: {needed_by}
source: home
destination: outside
"""


def config(source_id: uuid.UUID, destination_id: uuid.UUID) -> str:
    """A commented connector.toml that works as it is against two servers on this machine."""
    return _CONFIG.format(source=source_id, destination=destination_id)


def request(needed_by: str) -> str:
    """The smallest request there is."""
    return _REQUEST.format(needed_by=needed_by)
