"""Any data that YAML can have, and any text that looks like YAML."""

from __future__ import annotations

from hypothesis import strategies as st

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
DATA = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12)
# Pieces of YAML, which arbitrary text hardly ever has.
SIGNS = "a|: |- |\n|  |[|]|{|}|&x |*x|!y |!!set |0b_|2024-99-99|'|\"|<<: |? |>|#|---\n|%|\t|\x00|1|~|é"
PIECES = st.lists(st.sampled_from([*SIGNS.split("|"), "|"]), max_size=30).map("".join)
