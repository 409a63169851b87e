#!/usr/bin/env bash
# Everything that building, testing and the demo need: Debian packages, and the project's own .venv with the PyTorch wheel
# that LibTorch is taken from. A second call finds all in place and does nothing.
#
#   tools/setup.sh          exit code 0: all there; 4: something is missing and cannot be installed from here
#   tools/setup.sh --lint   also what `make lint` needs; --fuzz: what `make fuzz` needs
set -euo pipefail
cd "$(dirname "$0")/.."

torch_version=2.13.0
lists=(tools/apt-packages.txt)
[ "${1:-}" = --lint ] && lists+=(tools/apt-packages-lint.txt)
[ "${1:-}" = --fuzz ] && lists+=(tools/apt-packages-fuzz.txt)

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { printf 'error: %s\n' "$1" >&2; printf 'next: %s\n' "$2" >&2; exit 4; }

# --- Debian packages -------------------------------------------------------------------------------------------------
missing_packages() {
  local wanted
  wanted=$(sed 's/#.*//' "${lists[@]}" | tr -s ' \n' '\n' | sed '/^$/d' | sort -u)
  comm -23 <(printf '%s\n' "$wanted") \
    <(dpkg-query -W -f='${db:Status-Status} ${Package}\n' $wanted 2>/dev/null | sed -n 's/^installed //p' | sort -u)
}

install_packages() {
  local missing as_root=()
  missing=$(missing_packages | paste -sd' ')
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
      as_root=(sudo -n)
    else
      fail "these Debian packages are missing, and neither root nor sudo is at hand: $missing" "ask an administrator for: apt-get install --no-install-recommends $missing"
    fi
  fi
  say "installing $(wc -w <<<"$missing") Debian packages: $missing"
  local log
  log=$(mktemp)
  # An index that cannot be refreshed is no reason to stop: the packages may be at hand all the same.
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq update >"$log" 2>&1 || say "the package index could not be refreshed"
  if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0 install --no-install-recommends $missing >"$log" 2>&1; then
    tail -n 15 "$log" >&2
    fail "apt-get could not install: $missing" "look at the lines above, then run the same command again"
  fi
  rm -f "$log"
}

# --- Python packages -------------------------------------------------------------------------------------------------
python_lists=()
for list in tools/requirements.txt tools/requirements-test.txt; do
  [ -f "$list" ] && python_lists+=("$list")
done

stamp_text() { { echo "torch $torch_version"; cat "${python_lists[@]}"; } | sha256sum | cut -d' ' -f1; }

pip_install() {
  local log
  log=$(mktemp)
  if ! .venv/bin/python -m pip install --quiet --disable-pip-version-check "$@" >"$log" 2>&1; then
    tail -n 15 "$log" >&2
    fail "pip could not install: $*" "look at the lines above (network? disk: $(df -h --output=avail . | tail -n 1 | tr -d ' ') free), then run the same command again"
  fi
  rm -f "$log"
}

install_python() {
  local stamp
  stamp=$(stamp_text)
  [ "$(cat .venv/.timbre-stamp 2>/dev/null)" = "$stamp" ] && [ -e .venv/bin/python ] && return 0
  # A virtual environment that was moved or half made is made again.
  if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    say "making .venv"
    rm -rf .venv
    python3 -m venv .venv || fail "python3 -m venv failed" "install python3-venv, then run the same command again"
  fi
  if ! .venv/bin/python -c "import importlib.metadata as m, sys; sys.exit(m.version('torch').split('+')[0] != '$torch_version')" 2>/dev/null; then
    say "installing torch $torch_version into .venv (some minutes)"
    pip_install "torch==$torch_version"
  fi
  # Held at the version that is there, so that nothing below can bring another one.
  local held
  held=$(mktemp)
  .venv/bin/python -c "import importlib.metadata as m; print('torch==' + m.version('torch'))" >"$held"
  say "installing the Python packages of ${python_lists[*]}"
  local arguments=()
  for list in "${python_lists[@]}"; do arguments+=(-r "$list"); done
  pip_install --constraint "$held" "${arguments[@]}"
  rm -f "$held"
  echo "$stamp" >.venv/.timbre-stamp
}

install_packages
install_python
