#!/usr/bin/env python3
"""Lets the kernel forget the files under some folders, whose content is on the disk already: evict.py FOLDER..."""
import os
import sys

for folder in sys.argv[1:]:
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                file = os.open(os.path.join(parent, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            except OSError:
                continue
            try:
                os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            except OSError:
                pass
            os.close(file)
