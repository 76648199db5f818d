#!/bin/sh
# Run by acpid.
echo "@@ SLEEP-BUTTON" >/dev/console
