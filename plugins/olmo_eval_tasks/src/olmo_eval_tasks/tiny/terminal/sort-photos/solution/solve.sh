#!/bin/bash
set -e
cd /app/photos
for file in [0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]_*; do
  folder="${file:0:4}/${file:5:2}"
  mkdir -p "$folder"
  mv "$file" "$folder/${file:11}"
done
