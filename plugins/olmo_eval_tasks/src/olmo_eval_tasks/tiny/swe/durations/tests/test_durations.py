import unittest

import durations


class Parse(unittest.TestCase):
    def test_units(self):
        self.assertEqual(durations.parse("1h 05m"), 3900)
        self.assertEqual(durations.parse("45s"), 45)


class Show(unittest.TestCase):
    def test_hours(self):
        self.assertEqual(durations.show(3900), "1h 05m")


class Strict(unittest.TestCase):
    def test_words(self):
        for text in ("ten minutes", "5 apples 3s", "3s!", "90", "h", "-5s"):
            with self.subTest(text), self.assertRaises(ValueError):
                durations.parse(text)

    def test_nothing(self):
        for text in ("", "  "):
            with self.subTest(text), self.assertRaises(ValueError):
                durations.parse(text)

    def test_blanks(self):
        self.assertEqual(durations.parse("  1h   2m 3s "), 3723)
        self.assertEqual(durations.parse("1h2m"), 3720)
