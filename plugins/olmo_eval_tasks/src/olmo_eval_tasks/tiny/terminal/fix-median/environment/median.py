"""The median of the numbers in the arguments."""

import sys

numbers = sorted(sys.argv[1:])
middle = len(numbers) // 2
print(numbers[middle])
