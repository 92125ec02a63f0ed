"""A mapping that keeps the entries used last."""

from collections import OrderedDict


class Cache:
    """At most ``size`` entries; the one that was used longest ago goes first."""

    def __init__(self, size):
        self.size = size
        self._entries = OrderedDict()

    def __len__(self):
        return len(self._entries)

    def __contains__(self, key):
        return key in self._entries

    def get(self, key, default=None):
        """The value of ``key``, which is now the one used last."""
        return self._entries.get(key, default)

    def put(self, key, value):
        """Keep ``value``."""
        if len(self._entries) >= self.size:
            self._entries.popitem(last=False)
        self._entries[key] = value
