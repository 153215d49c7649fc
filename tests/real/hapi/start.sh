#!/bin/sh
# Builds the launcher when its sources are newer than its last build, then starts one HAPI FHIR R4
# server for each port given. Two on ports 18081 and 18082: `./start.sh 18081 18082`; Ctrl-D ends
# them. HAPI_JAVA_OPTIONS reaches Java, for example `-Dsearch.cache=off`.
set -eu
cd "$(dirname "$0")"
if [ -z "$(find target/built -newer pom.xml 2>/dev/null)" ] ||
    [ -n "$(find src -newer target/built)" ]; then
    mvn -B -q -Dstyle.color=never package </dev/null >&2
    touch target/built
fi
# The heap is for the largest chart of the by-hand run; ordinary charts need half of it.
# shellcheck disable=SC2086 # options are words
exec java -Xmx3g ${HAPI_JAVA_OPTIONS:-} -cp 'target/classes:target/lib/*' HapiPair "$@"
