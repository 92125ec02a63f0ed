import unittest

import durations


class Parse(unittest.TestCase):
    def test_units(self):
        self.assertEqual(durations.parse("1h 05m"), 3900)
        self.assertEqual(durations.parse("45s"), 45)


class Show(unittest.TestCase):
    def test_hours(self):
        self.assertEqual(durations.show(3900), "1h 05m")
