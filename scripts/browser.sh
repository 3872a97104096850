#!/bin/sh
# Makes sure that the browser tests have a Chromium: one on PATH, else Debian's package.
for name in chromium chromium-browser google-chrome google-chrome-stable chrome; do
    if command -v "$name" >/dev/null 2>&1; then
        exit 0
    fi
done

missing="ezmsg-nb: the browser tests need chromium or chrome on PATH, and there is none."
if ! command -v apt-get >/dev/null 2>&1; then
    echo "$missing Install one." >&2
    exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "$missing As root: apt-get install chromium" >&2
    exit 1
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "Installing Debian's chromium for the browser tests ..."
if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y \
        --no-install-recommends chromium fonts-dejavu-core; } >"$log" 2>&1; then
    tail -n 15 "$log" >&2
    echo "$missing Debian's package could not be installed; what apt-get said stands above." >&2
    exit 1
fi
