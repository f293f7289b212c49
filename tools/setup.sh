#!/bin/sh
# Make .venv and typings/ ready for the other make targets. Does nothing when they already are.
set -eu
cd "$(dirname "$0")/.."

ready=.venv/ready
wanted="$PWD $(cat pyproject.toml constraints.txt tools/setup.sh | cksum)"
stubs=micropython-esp32-stubs

fail() {
    echo "make setup: $1" >&2
    exit 1
}

# Run an installer; its output matters only when it fails.
install() {
    output=$("$@" 2>&1 </dev/null) && return
    echo "$output" | tail -n 20 >&2
    pattern='name resolution|dns error|connect|unreachable|timed out|proxy|versions: none'
    ! echo "$output" | grep -qiE "$pattern" || fail "what is missing could not be downloaded:
connect this machine to the internet, or name a package mirror in PIP_INDEX_URL or UV_INDEX_URL."
    fail "an installer failed: the lines above say why."
}

# Set python to the newest suitable interpreter that really runs and, without uv, can make a venv.
find_python() {
    python= without_venv=
    for name in python3.14 python3.13 python3.12 python3.11 python3 python; do
        version=$("$name" -c '
import sys
assert sys.implementation.name == "cpython" and (3, 11) <= sys.version_info < (3, 15)
print("%d.%d" % sys.version_info[:2])' 2>/dev/null </dev/null) || continue
        if [ -n "$uv" ] || "$name" -c 'import ensurepip, venv' 2>/dev/null </dev/null; then
            python=$name
            return
        fi
        without_venv=${without_venv:-$version}
    done
    [ -z "$uv" ] || { python=3.13; return; } # uv fetches it
    [ -z "$without_venv" ] || fail "Python $without_venv is here, its venv module is not:
on Debian and Ubuntu, 'apt-get install python$without_venv-venv' adds it."
    fail "no Python from 3.11 to 3.14 is on the PATH: install one
(Debian and Ubuntu: 'apt-get install python3 python3-venv'; macOS: 'brew install python@3.13')."
}

[ "$(cat $ready 2>/dev/null)" != "$wanted" ] || ! .venv/bin/python -c '' 2>/dev/null || exit 0

uv=
! uv --version >/dev/null 2>&1 || uv=uv
case "$(cat $ready 2>/dev/null)" in
"$PWD "*) .venv/bin/python -c '' 2>/dev/null || rm -rf .venv ;;
*) rm -rf .venv ;; # never finished, or made in another folder: its scripts name that one
esac
rm -rf typings
if [ ! -d .venv ]; then
    find_python
    if [ -n "$uv" ]; then
        install uv venv --quiet --python "$python" .venv
    else
        install "$python" -m venv .venv
    fi
fi
rm -f $ready
echo "make setup: installing into .venv with $(.venv/bin/python --version), a minute or so"
if [ -n "$uv" ]; then
    pip="uv pip install --python .venv/bin/python"
else
    pip=".venv/bin/python -m pip install --disable-pip-version-check"
fi
install $pip --constraint constraints.txt --editable '.[dev]'
install $pip --constraint constraints.txt --target typings $stubs
echo "$wanted" >$ready
