#!/bin/sh
# Fetches Keycloak from Maven Central when it is not there yet, then runs it, empty, on the port
# given: `./start.sh 18180`. The administrator is admin, password admin. It ends with standard input
# (Ctrl-D).
set -eu
cd "$(dirname "$0")"
home=target/keycloak-26.0.8
if [ ! -x "$home/bin/kc.sh" ]; then
    mvn -B -q -Dstyle.color=never package </dev/null >&2
fi
rm -rf "$home/data"
KC_BOOTSTRAP_ADMIN_USERNAME=admin KC_BOOTSTRAP_ADMIN_PASSWORD=admin \
    "$home/bin/kc.sh" start-dev --http-host=127.0.0.1 --http-port="$1" --cache=local </dev/null &
server=$!
trap 'kill "$server" 2>/dev/null; wait "$server" || true' EXIT
cat >/dev/null
