#!/bin/sh
# Counts the seconds until it is told to stop.
trap "exit 0" TERM
n=0
while :; do
  n=$((n + 1))
  echo "worked $n times"
  sleep 1 &
  wait $!
done
