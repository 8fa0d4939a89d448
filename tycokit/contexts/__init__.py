"""Which pachds there are to work with: the contexts, and the one on this machine."""
