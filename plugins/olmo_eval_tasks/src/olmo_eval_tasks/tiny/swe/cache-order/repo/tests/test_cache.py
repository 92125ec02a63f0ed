import unittest

from store.cache import Cache


class Keeps(unittest.TestCase):
    def test_values(self):
        cache = Cache(2)
        cache.put("a", 1)
        self.assertEqual(cache.get("a"), 1)
        self.assertIsNone(cache.get("b"))

    def test_size(self):
        cache = Cache(2)
        for number in range(5):
            cache.put(number, number)
        self.assertEqual(len(cache), 2)
        self.assertIn(4, cache)
