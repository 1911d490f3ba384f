# One virtual environment for each set of pins: a running Congress keeps its environment until it is restarted.
venv=/opt/congress-$(cat $pins/* | sha256sum | cut -c 1-12)
install_congress() {
  rm -rf "$venv" && python3 -m venv "$venv" || return
  timeout 120 "$venv/bin/pip" install -q --disable-pip-version-check --no-compile --no-deps \
    --only-binary :all: --require-hashes -r $pins/uv.txt || return
  timeout 600 "$venv/bin/uv" pip install -q --no-cache --python "$venv/bin/python" \
    --no-deps --require-hashes --only-binary :all: --no-binary jsonpath-rw --no-binary murano-pkg-check \
    -r $pins/constraints.txt || return
  # Only the source distribution contains the OCF agent and the policy library.
  timeout 120 "$venv/bin/pip" download -q --disable-pip-version-check -d "$venv" \
    --no-deps --no-binary :all: --no-build-isolation --require-hashes -r $pins/sdist.txt || return
  tar -xzf "$venv"/openstack?congress-*.tar.gz --no-same-owner -C "$venv" || return
  (cd "$venv" && sha256sum --status -c $pins/congress-datasource.sha256) || return
  touch "$venv/complete"
}
