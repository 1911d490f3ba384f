"""The prebuilt image: its recipe, which the steps of the hosts share, and the element for diskimage-builder."""
