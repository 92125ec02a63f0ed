#!/bin/bash
# Writes the reward: 1 where the check passes, else 0.
mkdir -p /logs/verifier
if python3 -I /tests/check.py; then
  echo 1 > /logs/verifier/reward.txt
else
  echo 0 > /logs/verifier/reward.txt
fi
