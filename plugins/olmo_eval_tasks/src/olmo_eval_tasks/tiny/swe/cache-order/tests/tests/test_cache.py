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


class Order(unittest.TestCase):
    def test_get_counts_as_use(self):
        cache = Cache(2)
        cache.put("a", 1)
        cache.put("b", 2)
        cache.get("a")
        cache.put("c", 3)
        self.assertIn("a", cache)
        self.assertNotIn("b", cache)

    def test_put_again_drops_nothing(self):
        cache = Cache(2)
        cache.put("a", 1)
        cache.put("b", 2)
        cache.put("b", 3)
        self.assertEqual((cache.get("a"), cache.get("b")), (1, 3))

    def test_put_again_counts_as_use(self):
        cache = Cache(3)
        for key in "abc":
            cache.put(key, 1)
        cache.put("b", 2)
        cache.put("d", 1)
        cache.put("e", 1)
        self.assertIn("b", cache)
        self.assertNotIn("c", cache)

    def test_asking_for_what_is_not_there(self):
        cache = Cache(1)
        cache.put("a", 1)
        self.assertEqual(cache.get("b", 7), 7)
        self.assertIn("a", cache)
