#!/bin/sh
# Makes .venv with Python 3.13 and every package of requirements.lock, from nothing, as root or not.
# A second run sees the stamp and ends at once; an environment without a stamp was left half-made and is made anew.
# Called by the Makefile, from the top folder of the checkout.
set -eu

TOOLS=.local/tools
VENV=.venv
STAMP=$VENV/.installed
LOCK=$TOOLS/making-environment

case "$(uname -s)" in
MINGW* | MSYS* | CYGWIN* | Windows*)
    echo "The portal runs on Linux and macOS. On Windows, run the same command in WSL." >&2
    exit 1
    ;;
esac

# A moved checkout needs a new environment: its scripts name the old place.
wanted="$(cksum <requirements.lock) $(pwd)"
is_ready() {
    [ -x $VENV/bin/python ] && [ "$(cat $STAMP 2>/dev/null)" = "$wanted" ] && $VENV/bin/python -c "" 2>/dev/null
}
is_ready && exit 0

# "make demo" in one window and "make test" in another: the second waits for the first.
if ! mkdir -p $TOOLS || [ ! -w $TOOLS ]; then
    echo "This account cannot write to $(pwd)/$TOOLS, where the environment is prepared. Nothing was changed." >&2
    exit 1
fi
waited=0
until mkdir $LOCK 2>/dev/null; do
    if maker=$(cat $LOCK/pid 2>/dev/null) && [ -n "$maker" ]; then
        kill -0 "$maker" 2>/dev/null || [ -d "/proc/$maker" ] || rm -rf $LOCK # it was killed
    elif [ $waited -gt 5 ]; then
        rm -rf $LOCK # it was killed before it could say who it is
    fi
    [ $waited = 1 ] && echo "Another command is making $VENV: waiting for it."
    waited=$((waited + 1))
    sleep 1
done
trap 'rm -rf $LOCK' EXIT
trap 'exit 130' HUP INT TERM
echo $$ >$LOCK/pid
is_ready && exit 0

fits() { # program, minor version: is it CPython 3.x, and can it make environments?
    "$1" -c "import sys, venv; sys.exit(sys.version_info[:2] != (3, $2))" >/dev/null 2>&1
}

first_that_fits() { # minor version, then programs
    minor=$1
    shift
    for program in "$@"; do
        if [ -n "$program" ] && fits "$program" "$minor"; then
            "$program" -c "import sys; print(sys.executable)"
            return 0
        fi
    done
    return 1
}

if [ ! -w "${HOME:-/}" ]; then # a service account: uv would give up, pip does without
    UV_CACHE_DIR=$(pwd)/$TOOLS/uv-cache
    UV_PYTHON_INSTALL_DIR=$(pwd)/$TOOLS/python
    export UV_CACHE_DIR UV_PYTHON_INSTALL_DIR
fi

find_python() {
    for minor in 13 14; do
        first_that_fits $minor "${PYTHON:-}" "python3.$minor" "${PYENV_ROOT:-${HOME:-/}/.pyenv}"/versions/3.$minor*/bin/python \
            "/opt/homebrew/bin/python3.$minor" "/usr/local/bin/python3.$minor" python3 && return 0
        if command -v uv >/dev/null 2>&1; then
            first_that_fits $minor "$(uv python find "3.$minor" 2>/dev/null || true)" && return 0
        fi
    done
    return 1
}

install_python() { # with uv, which knows where Python can be had; uv itself comes from the package index
    uv=$(command -v uv || true)
    if [ -z "$uv" ]; then
        echo "Python 3.13 is not here: asking uv for it." >&2
        python3 -m venv $TOOLS/uv >&2 && $TOOLS/uv/bin/python -m pip install --quiet "uv>=0.9,<1" >&2 || return 1
        uv=$TOOLS/uv/bin/uv
    fi
    "$uv" python install 3.13 >&2 && "$uv" python find 3.13
}

belongs_here() { # the path is an argument: it may hold quotes
    $VENV/bin/python -c "import sys; sys.exit(sys.prefix != sys.argv[1])" "$(pwd -P)/$VENV" 2>/dev/null
}

if [ -n "${PYTHON:-}" ] && ! fits "$PYTHON" 13 && ! fits "$PYTHON" 14; then
    echo "PYTHON names $PYTHON, which is not a Python 3.13 or 3.14 that runs here. Nothing was changed." >&2
    exit 1
fi
if ! python=$(find_python) && ! python=$(install_python); then
    cat >&2 <<'SENTENCE'
The portal needs Python 3.13, which is not on this machine and could not be installed for you.
Install it (for example "apt-get install python3.13 python3.13-venv", "brew install python@3.13" or
"pyenv install 3.13"), or name it: make demo PYTHON=/path/to/python3.13
Nothing of yours was changed. Then run the same command again.
SENTENCE
    exit 1
fi

echo "Making $VENV with $("$python" --version)."
if [ ! -e $STAMP ] || ! belongs_here; then
    rm -rf $VENV # half-made, moved, or its Python is gone
fi
rm -f $STAMP # from here until the end it is half-made

if command -v uv >/dev/null 2>&1; then
    [ -x $VENV/bin/python ] || uv venv --quiet --python "$python" $VENV
    VIRTUAL_ENV="$(pwd)/$VENV" uv pip sync --quiet --require-hashes --no-build requirements.lock
else
    if [ ! -x $VENV/bin/python ] && ! "$python" -m venv $VENV; then
        rm -rf $VENV
        echo "Python at $python cannot make environments. On Debian and Ubuntu: apt-get install python3.13-venv." >&2
        exit 1
    fi
    $VENV/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
        --requirement requirements.lock
fi
echo "$wanted" >$STAMP
