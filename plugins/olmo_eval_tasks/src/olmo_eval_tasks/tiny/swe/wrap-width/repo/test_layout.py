import unittest

from layout import wrap


class Wrap(unittest.TestCase):
    def test_short(self):
        self.assertEqual(wrap("a b c", 10), ["a b c"])

    def test_breaks(self):
        self.assertEqual(wrap("one two three", 8), ["one two", "three"])
