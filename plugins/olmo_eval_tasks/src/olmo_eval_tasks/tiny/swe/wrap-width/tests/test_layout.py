import unittest

from layout import wrap


class Wrap(unittest.TestCase):
    def test_short(self):
        self.assertEqual(wrap("a b c", 10), ["a b c"])

    def test_breaks(self):
        self.assertEqual(wrap("one two three", 8), ["one two", "three"])

    def test_width(self):
        self.assertEqual(wrap("aaa bbb", 6), ["aaa", "bbb"])
        self.assertEqual(wrap("aaa bbb", 7), ["aaa bbb"])

    def test_long_words(self):
        self.assertEqual(wrap("abcdefgh i", 4), ["abcdefgh", "i"])
        self.assertEqual(wrap("i abcdefgh j", 4), ["i", "abcdefgh", "j"])

    def test_nothing(self):
        self.assertEqual(wrap("", 4), [])
        self.assertEqual(wrap("  ", 4), [])
