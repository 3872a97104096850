#!/bin/sh
# The tests of both ezmsg lines side by side, and beside them the few that take long, those in a
# browser and the notebooks: all of them mostly wait, and two cores hold them. What the others print
# comes after what the next line does, so that nothing is mixed up.
set -u

# Each has shared memory to itself where the system allows it (on Linux, as root), so that the leak
# guard of one doesn't see what another one's processes are about to tidy up.
alone=
if unshare --mount sh -c 'mount -t tmpfs tmpfs /dev/shm' 2>/dev/null; then
	alone='mount -t tmpfs -o mode=1777 tmpfs /dev/shm && '
fi
# A shell has what it starts in the background ignore SIGINT.
heed='import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])'
run() {
	exec ${alone:+unshare --mount} sh -c "$alone"'exec "$@"' sh "$1" -c "$heed" "$@"
}
# Three at once on two cores now and then starve a test: one that failed gets a second run. Its
# traceback is printed, and the summary names it.
tests_with() {
	python=$1
	shift
	run "$python" -m pytest --reruns 1 --rerun-show-tracebacks "$@"
}

# 0 where all is well. pytest says 5 where "$@" has chosen no test: good as long as others ran.
whole() {
	ran=5
	for ended in "$@"; do
		case $ended in
		0) ran=0 ;;
		5) ;;
		*) return 1 ;;
		esac
	done
	return $ran
}

long_ones() {
	trap 'kill -INT $! 2>/dev/null; wait; exit 130' TERM
	(tests_with .venv-3.10/bin/python "$@" -m "browser or notebook") &
	wait $!
	next_ended=$?
	[ -e "$said/interrupted" ] && exit 130
	(tests_with .venv/bin/python "$@" -m notebook) &
	wait $!
	whole $next_ended $?
	exit $?
}

said=$(mktemp -d)
trap 'rm -rf "$said"' EXIT
# Ctrl-C reaches all of them by itself, and a second one would cut short their tidying up.
trap 'touch "$said/interrupted"; wait; exit 130' INT
trap 'kill -INT "$next" "$released" 2>/dev/null; kill "$long" 2>/dev/null; wait; exit 143' TERM

long_ones "$@" >"$said/long" 2>&1 &
long=$!
(tests_with .venv/bin/python "$@" -m "not browser and not notebook") >"$said/released" 2>&1 &
released=$!
echo "ezmsg's next line (.venv-3.10), and beside it the released one (.venv):"
(tests_with .venv-3.10/bin/python "$@" -m "not browser and not notebook") &
next=$!

wait "$next"
next_ended=$?
wait "$long"
long_ended=$?
wait "$released"
released_ended=$?
echo "The browser, and the notebooks on both lines:"
cat "$said/long"
echo "The released line (.venv):"
cat "$said/released"
whole $next_ended $long_ended $released_ended
