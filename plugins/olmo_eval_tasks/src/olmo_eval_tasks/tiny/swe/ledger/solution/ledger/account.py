"""Accounts with entries in cents."""

from ledger.money import show


class Account:
    """A name, and what came in and went out."""

    def __init__(self, name, entries=()):
        self.name = name
        self.entries = list(entries)

    def add(self, cents):
        self.entries.append(cents)

    @property
    def balance(self):
        return sum(self.entries)

    def __str__(self):
        return f"{self.name}: {show(self.balance)}"
