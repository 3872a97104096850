#!/bin/sh
# The tests of both ezmsg lines side by side: they mostly wait, and two cores hold both. What the
# released line printed comes after the other's, so that nothing is mixed up.
set -u

said=$(mktemp)
trap 'rm -f "$said"' EXIT
trap 'kill -INT "$released" 2>/dev/null; wait "$released"; exit 130' INT TERM

.venv/bin/python -m pytest "$@" -m "not browser and not notebook" >"$said" 2>&1 &
released=$!

echo "ezmsg's next line (.venv-3.10), and beside it the released one (.venv):"
.venv-3.10/bin/python -m pytest "$@"
next_failed=$?

wait "$released"
released_failed=$?
echo "The released line (.venv):"
cat "$said"
exit $((next_failed || released_failed))
