import unittest

from ledger.account import Account


class Balance(unittest.TestCase):
    def test_sum(self):
        account = Account("rent", [100, 250])
        account.add(-50)
        self.assertEqual(account.balance, 300)


class Apart(unittest.TestCase):
    def test_accounts(self):
        Account("a").add(100)
        self.assertEqual(Account("b").balance, 0)

    def test_given_lists(self):
        given = [1]
        account = Account("a", given)
        account.add(2)
        self.assertEqual((given, account.balance), ([1], 3))


class Shown(unittest.TestCase):
    def test_cents(self):
        self.assertEqual(str(Account("a", [1205])), "a: 12.05")
        self.assertEqual(str(Account("a", [1230])), "a: 12.30")

    def test_negative(self):
        self.assertEqual(str(Account("a", [-5])), "a: -0.05")
        self.assertEqual(str(Account("a", [-1205])), "a: -12.05")

    def test_whole(self):
        self.assertEqual(str(Account("a", [1212])), "a: 12.12")
