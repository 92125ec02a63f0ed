import unittest

from ledger.account import Account


class Balance(unittest.TestCase):
    def test_sum(self):
        account = Account("rent", [100, 250])
        account.add(-50)
        self.assertEqual(account.balance, 300)
