#!/bin/bash
set -e
cd /app
{
  echo service,errors
  for service in $(sed -E 's/^[^[]*\[([a-z]+)\].*/\1/' service.log | sort -u); do
    echo "$service,$(grep -cE "^[^ ]+ ERROR +\[$service\]" service.log || true)"
  done
} > errors.csv
