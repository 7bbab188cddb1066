"""Makes the layer tars of the test images, the same bytes each time.

recipe.py busybox FILE
"""
import io
import subprocess
import sys
import tarfile

BUSYBOX = "/bin/busybox"
TIME = 1700000000


def member(name, kind=tarfile.REGTYPE, mode=0o644, **fields):
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.mtime = kind, mode, TIME
    for key, value in fields.items():
        setattr(info, key, value)
    return info


def put(tar, info, content=None):
    if content is not None:
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    else:
        tar.addfile(info)


def busybox(tar):
    with open(BUSYBOX, "rb") as file:
        program = file.read()
    for name, mode in [("bin", 0o755), ("etc", 0o755), ("root", 0o700), ("tmp", 0o1777)]:
        put(tar, member(name, tarfile.DIRTYPE, mode))
    put(tar, member("bin/busybox", mode=0o755), program)
    names = subprocess.run([BUSYBOX, "--list"], check=True, capture_output=True, text=True)
    for name in sorted(set(names.stdout.split()) - {"busybox"}):
        put(tar, member(f"bin/{name}", tarfile.SYMTYPE, 0o777, linkname="busybox"))
    put(tar, member("etc/passwd"), b"root:x:0:0:root:/root:/bin/sh\n")
    put(tar, member("etc/group"), b"root:x:0:\n")


def main(what, path):
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        {"busybox": busybox}[what](tar)


main(*sys.argv[1:])
